// Errors inside the core. Thrown in C++, turned into a JavaScript error with the same code at the Node-API
// border.
#pragma once

#include <stdexcept>
#include <string>
#include <type_traits>

namespace l4r {

enum class Code { argument, disposed, diverged, no_memory, file, device, internal };

// Stable name of a code as JavaScript sees it, e.g. "E_ARGUMENT".
constexpr const char* code_name(Code code) {
  switch (code) {
    case Code::argument:
      return "E_ARGUMENT";
    case Code::disposed:
      return "E_DISPOSED";
    case Code::diverged:
      return "E_DIVERGED";
    case Code::no_memory:
      return "E_NO_MEMORY";
    case Code::file:
      return "E_FILE";
    case Code::device:
      return "E_DEVICE";
    case Code::internal:
      return "E_INTERNAL";
  }
  return "E_INTERNAL";
}

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const noexcept { return code_; }

 private:
  Code code_;
};

// Throws Error(argument) when `ok` is false. The message is built only on failure.
template <typename... Parts>
void require(bool ok, const Parts&... parts) {
  if (ok) return;
  std::string message;
  const auto append = [&message](const auto& part) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>)
      message += std::to_string(part);
    else
      message += part;
  };
  (append(parts), ...);
  throw Error(Code::argument, message);
}

}  // namespace l4r
