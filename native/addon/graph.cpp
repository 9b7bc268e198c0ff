// Graphs of users and items.
#include "addon/environment.h"

namespace l4r::addon {

namespace {

std::shared_ptr<const Graph> graph(const Napi::CallbackInfo& info) {
  return Environment::of(info).graphs.get(id(info, 0, "graph"));
}

Napi::Value graph_create(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kMost = 2147483647;
  auto made = std::make_shared<const Graph>(
      integer(info, 0, "userCount", 0, kMost), integer(info, 1, "itemCount", 0, kMost),
      array<std::int32_t>(info, 2, "offsets"), array<std::int32_t>(info, 3, "items"));
  return handle(info, Environment::of(info).graphs.add(std::move(made)));
}

Napi::Value graph_drop_edges(const Napi::CallbackInfo& info) {
  auto made = std::make_shared<const Graph>(
      graph(info)->drop_edges(number(info, 1, "rate"), id(info, 2, "seed"), id(info, 3, "stream")));
  return handle(info, Environment::of(info).graphs.add(std::move(made)));
}

Napi::Value graph_edges(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(graph(info)->edges()));
}

Napi::Value graph_release(const Napi::CallbackInfo& info) {
  Environment::of(info).graphs.release(id(info, 0, "graph"));
  return info.Env().Undefined();
}

}  // namespace

void export_graph(Napi::Object exports) {
  export_function<graph_create>(exports, "graphCreate");
  export_function<graph_drop_edges>(exports, "graphDropEdges");
  export_function<graph_edges>(exports, "graphEdges");
  export_function<graph_release>(exports, "graphRelease");
}

}  // namespace l4r::addon
