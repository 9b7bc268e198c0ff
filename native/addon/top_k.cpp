#include "addon/top_k.h"

namespace l4r::addon {

TopKFilter filter_of(const Napi::Value& value) {
  if (value.IsNull()) return {};
  require(value.IsObject(), "filter: expected an object or null");
  const auto object = value.As<Napi::Object>();
  // Getters may run JavaScript that detaches a buffer: all are read before the first view is taken.
  const Napi::Value offsets = object.Get("excludedOffsets"), excluded = object.Get("excluded"),
                    denied = object.Get("denied"), allowed = object.Get("allowed");
  TopKFilter filter;
  filter.exclude_offsets = optional_array<std::int32_t>(offsets, "excludedOffsets");
  filter.exclude = optional_array<std::int32_t>(excluded, "excluded");
  filter.deny = optional_array<std::uint8_t>(denied, "denied");
  filter.has_allow = !allowed.IsNull() && !allowed.IsUndefined();
  filter.allow = optional_array<std::int32_t>(allowed, "allowed");
  return filter;
}

TopKRows rows_of(const Napi::CallbackInfo& info, std::size_t first) {
  return {array<std::int32_t>(info, first, "ids"), array<double>(info, first + 1, "scores"),
          array<std::int32_t>(info, first + 2, "counts")};
}

}  // namespace l4r::addon
