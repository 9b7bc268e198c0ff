// Adam (Kingma and Ba, ICLR 2015) and AdamW (Loshchilov and Hutter, ICLR 2019) over dense and sparse
// gradients.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "autograd/parameter.h"
#include "autograd/tape.h"

namespace l4r {

struct AdamOptions {
  float learning_rate = 1e-3f;  // > 0
  float beta1 = 0.9f;           // [0, 1)
  float beta2 = 0.999f;         // [0, 1)
  float epsilon = 1e-8f;        // > 0
  float weight_decay = 0;       // >= 0
  // > 0: the gradients of all parameters of a step together are scaled down to this norm where they exceed it
  // (Pascanu, Mikolov and Bengio, ICML 2013, algorithm 1), before weight decay; 0: never.
  float max_norm = 0;
  bool decoupled = true;  // true: AdamW, decay is taken off the weight; false: decay is added to the gradient
};

// Lazy Adam. A parameter that a step reads only by gather or bag is updated in the touched rows alone: the
// moments (and the weight decay) of a row advance only when it is touched, and its bias correction 1 - beta^t
// takes the row's own count of updates t. A parameter used whole is updated whole; rows gathered from it in
// the same step are added to its dense gradient. Contributions to a row are added in one fixed order and the
// work is cut by the data alone: the same bits at any number of threads. State lives in the parameters
// (Parameter::adam). One thread calls.
class Adam {
 public:
  // Throws Error(argument) for options out of range or a parameter given twice, Error(no_memory). Several
  // threads may make optimizers of one parameter at the same time.
  Adam(std::vector<std::shared_ptr<Parameter>> parameters, AdamOptions options);

  // Throws Error(argument) unless finite and > 0.
  void set_learning_rate(float learning_rate);

  // Applies the gradients of the tape's last backward() to those of its parameters that this optimizer holds
  // and returns their global norm (before clipping, without weight decay). Throws Error(diverged) naming the
  // parameter when a gradient is not finite, or when the norm that is left after clipping exceeds 1.8e19,
  // where squares leave float32 and the second moments would stay infinite; all parameters are then as they
  // were, as after Error(argument): before backward(), or when a parameter has had 2^31 - 1 updates.
  double step(Tape& tape);

 private:
  struct Entry {
    std::shared_ptr<Parameter> parameter;
    Buffer<std::int32_t> places;  // [rows] scratch, all zeros between steps
  };
  void apply(const OpKernels& kernels, Parameter& parameter, const RowSegments& segments, float scale) const;
  void grow_corrections(std::int64_t steps);

  std::vector<Entry> entries_;
  AdamOptions options_;
  // By step; grows by doubling until both are exactly 1, or there are 2^16 of them.
  std::vector<BiasCorrection> corrections_;
};

}  // namespace l4r
