// Filters and results of top-k calls at the border.
#pragma once

#include "addon/environment.h"
#include "serving/top_k.h"

namespace l4r::addon {

// Views of the caller's arrays. May run JavaScript (getters): take other views afterwards.
TopKFilter filter_of(const Napi::Value& value);
Napi::Value result_of(const Napi::CallbackInfo& info, const TopKResult& found);

}  // namespace l4r::addon
