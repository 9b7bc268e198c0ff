#pragma once

namespace l4r {

// gelu: the tanh form of Hendrycks and Gimpel (2016), 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
enum class Activation { none, relu, gelu };

}  // namespace l4r
