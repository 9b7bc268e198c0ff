// Registers the addon. Per-environment state is freed with the environment; nothing process-wide is torn
// down.
#include "addon/environment.h"

namespace {

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  using namespace l4r::addon;
  try {
    env.SetInstanceData(std::make_unique<Environment>(env).release());  // Node-API owns and deletes it
  } catch (const l4r::Error& error) {
    throw to_js(env, error.code(), error.what());  // LLAMA4REC_CPU names no level
  }
  export_machine(exports);
  export_parameters(exports);
  export_tape(exports);
  export_training(exports);
  export_sampling(exports);
  export_graph(exports);
  export_serving(exports);
  export_encoder(exports);
  export_linalg(exports);
  export_lookup(exports);
  export_async(exports);
  export_catalogue_file(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(llama4rec, initialise)
