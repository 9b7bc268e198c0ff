// Filters and rows of top-k calls at the border.
#pragma once

#include "addon/environment.h"
#include "serving/top_k.h"

namespace l4r::addon {

// Views of the caller's arrays; null: nothing is left out. May run JavaScript (getters): take other views
// afterwards.
TopKFilter filter_of(const Napi::Value& value);
// Arguments first, first + 1 and first + 2: ids, scores and counts, which the call fills.
TopKRows rows_of(const Napi::CallbackInfo& info, std::size_t first);

}  // namespace l4r::addon
