// Registers the addon. Per-environment state is freed with the environment; nothing process-wide is torn
// down.
#include "addon/environment.h"

namespace {

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  using namespace l4r::addon;
  env.SetInstanceData(std::make_unique<Environment>().release());  // Node-API owns and deletes it
  export_machine(exports);
  export_parameters(exports);
  export_tape(exports);
  export_training(exports);
  export_serving(exports);
  export_linalg(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(llama4rec, initialise)
