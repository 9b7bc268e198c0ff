// The graph of users and items, and the ops that run over it.
#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "autograd/parameter.h"
#include "check.h"
#include "graph/graph.h"
#include "op_case.h"
#include "ops/elementwise/elementwise.h"
#include "ops/hop_mix/hop_mix.h"
#include "ops/propagate/propagate.h"
#include "ops/take/take.h"

namespace {

using namespace l4r;
using namespace l4r::test;
using test::Add;  // not the kernel of that name

using Numbers = std::vector<std::int32_t>;

// So many users and items; about one in three pairs is an edge. The first user and the last item have none.
struct Edges {
  std::int64_t users, items;
  Numbers offsets{0}, list;

  Edges(std::int64_t user_count, std::int64_t item_count) : users(user_count), items(item_count) {
    const Philox random(5, static_cast<std::uint64_t>(users));
    for (std::int64_t user = 0; user < users; ++user) {
      for (std::int64_t item = 0; item + 1 < items; ++item)
        if (user > 0 && random.below(static_cast<std::uint64_t>(user * items + item), 3) == 0)
          list.push_back(static_cast<std::int32_t>(item));
      offsets.push_back(static_cast<std::int32_t>(list.size()));
    }
  }
  std::shared_ptr<const Graph> graph() const {
    return std::make_shared<const Graph>(users, items, offsets, list);
  }
  // [nodes x nodes] in float64, straight from the edges.
  Matrix dense() const {
    const std::int64_t nodes = users + items;
    Matrix adjacent(at(nodes * nodes)), degree(at(nodes));
    for (std::int64_t user = 0; user < users; ++user)
      for (std::int32_t e = offsets[at(user)]; e < offsets[at(user) + 1]; ++e) {
        const std::int64_t item = users + list[at(e)];
        adjacent[at(user * nodes + item)] = adjacent[at(item * nodes + user)] = 1;
        degree[at(user)] += 1;
        degree[at(item)] += 1;
      }
    for (std::int64_t a = 0; a < nodes; ++a)
      for (std::int64_t b = 0; b < nodes; ++b)
        if (adjacent[at(a * nodes + b)] > 0)
          adjacent[at(a * nodes + b)] = 1 / std::sqrt(degree[at(a)] * degree[at(b)]);
    return adjacent;
  }
};

Edges of_nodes(std::int64_t nodes) { return {nodes / 2, nodes - nodes / 2}; }

Matrix product(const Matrix& square, const Matrix& x, Shape shape) {
  Matrix out(x.size());
  for (std::int64_t a = 0; a < shape.rows; ++a)
    for (std::int64_t b = 0; b < shape.rows; ++b)
      for (std::int64_t c = 0; c < shape.cols; ++c)
        out[at(a * shape.cols + c)] += square[at(a * shape.rows + b)] * x[at(b * shape.cols + c)];
  return out;
}

const Add structure_case("rows hold both directions, ascending, with symmetric weights", [] {
  const Edges edges(7, 9);
  const auto graph = edges.graph();
  const Matrix dense = edges.dense();
  check(graph->nodes() == 16 && graph->users() == 7, "nodes");
  check(graph->edges() == static_cast<std::int64_t>(edges.list.size()), "edges");
  std::int64_t found = 0;
  for (std::int64_t node = 0; node < 16; ++node)
    for (std::int32_t e = graph->offsets(0)[node]; e < graph->offsets(0)[node + 1]; ++e, ++found) {
      const std::int32_t other = graph->neighbours()[e];
      check(e == graph->offsets(0)[node] || graph->neighbours()[e - 1] < other, "ascending");
      check(graph->weights()[e] == static_cast<float>(dense[at(node * 16 + other)]), "weight");
    }
  check(found == 2 * graph->edges(), "each edge from both ends");
  check(graph->offsets(0)[1] == 0 && graph->offsets(0)[15] == graph->offsets(0)[16], "nodes without edges");
});

const Add range_case("ranges cover all rows, in order and of about as many edges", [] {
  const auto graph = Edges(200, 300).graph();
  const auto ranges = graph->ranges();
  check(ranges.size() > 5 && ranges.front() == 0 && ranges.back() == 500, "from the first to the last");
  for (std::size_t r = 0; r + 1 < ranges.size(); ++r) {
    check(ranges[r] < ranges[r + 1], "ascending");
    const std::int64_t cost = graph->offsets(0)[ranges[r + 1]] - graph->offsets(0)[ranges[r]];
    check(cost < 2048, "no range of " + std::to_string(cost));
  }
  check(Graph(0, 0, Numbers{0}, Numbers{}).ranges().size() == 1, "none for no rows");
});

const Add parts_case("a large graph comes in parts, which change neither products nor what is dropped", [] {
  // 60 users of each 1,800 of 4,500 items: two parts.
  Numbers offsets{0}, items;
  const auto has = [](std::int64_t user, std::int64_t item) { return (item * 7 + user * 3) % 5 < 2; };
  for (std::int64_t user = 0; user < 60; ++user) {
    for (std::int64_t item = 0; item < 4500; ++item)
      if (has(user, item)) items.push_back(static_cast<std::int32_t>(item));
    offsets.push_back(static_cast<std::int32_t>(items.size()));
  }
  const auto graph = std::make_shared<const Graph>(60, 4500, offsets, items);
  check(graph->parts() == 2, "parts");
  const std::int64_t nodes = graph->nodes(), cols = 5;
  const auto x = std::make_shared<Parameter>("x", nodes, cols);
  fill_uniform(*x, -1, 1, 3, 0);
  Tape tape;
  const float* out = tape.node(propagate(tape, graph, tape.use(x))).value;
  std::vector<double> degrees(at(nodes));
  for (std::int64_t user = 0; user < 60; ++user)
    for (std::int64_t item = 0; item < 4500; ++item)
      if (has(user, item)) ++degrees[at(user)], ++degrees[at(60 + item)];
  Matrix expected(at(nodes * cols));
  for (std::int64_t user = 0; user < 60; ++user)
    for (std::int64_t item = 0; item < 4500; ++item)
      if (has(user, item))
        for (std::int64_t c = 0; c < cols; ++c) {
          const double weight = 1 / std::sqrt(degrees[at(user)] * degrees[at(60 + item)]);
          expected[at(user * cols + c)] += weight * x->value[(60 + item) * cols + c];
          expected[at((60 + item) * cols + c)] += weight * x->value[user * cols + c];
        }
  double worst = 0;
  for (std::int64_t i = 0; i < nodes * cols; ++i)
    worst = std::max(worst, std::fabs(out[i] - expected[at(i)]));
  check(worst < 1e-5, "largest error " + std::to_string(worst));
  const Graph all = graph->drop_edges(0, 1, 1);
  check(std::equal(all.neighbours(), all.neighbours() + 2 * all.edges(), graph->neighbours()),
        "nothing dropped");
});

const Add drop_case("dropped edges follow from seed and stream, the rest is weighed anew", [] {
  const Edges edges(60, 80);
  const auto graph = edges.graph();
  const auto pairs = [](const Graph& g) {
    std::set<std::pair<std::int64_t, std::int32_t>> all;
    for (std::int64_t user = 0; user < g.users(); ++user)
      for (std::int32_t e = g.offsets(0)[user]; e < g.offsets(0)[user + 1]; ++e)
        all.insert({user, g.neighbours()[e]});
    return all;
  };
  const Graph once = graph->drop_edges(0.3, 7, 1), again = graph->drop_edges(0.3, 7, 1);
  const auto kept = pairs(once), all = pairs(*graph);
  check(kept == pairs(again), "same seed and stream");
  check(kept != pairs(graph->drop_edges(0.3, 7, 2)), "another stream");
  check(kept != pairs(graph->drop_edges(0.3, 8, 1)), "another seed");
  check(std::includes(all.begin(), all.end(), kept.begin(), kept.end()), "edges that there were");
  // Binomial: 6 standard deviations.
  const double n = static_cast<double>(all.size()), deviation = std::sqrt(n * 0.3 * 0.7);
  check(std::fabs(static_cast<double>(kept.size()) - 0.7 * n) < 6 * deviation,
        "70 % of " + std::to_string(all.size()) + ", got " + std::to_string(kept.size()));
  check(pairs(graph->drop_edges(0, 7, 1)) == all, "rate 0 keeps all");
  for (std::int64_t node = 0; node < once.nodes(); ++node)
    for (std::int32_t e = once.offsets(0)[node]; e < once.offsets(0)[node + 1]; ++e) {
      const std::int32_t other = once.neighbours()[e];
      const auto degree = [&](std::int64_t of) {
        return double(once.offsets(0)[of + 1] - once.offsets(0)[of]);
      };
      check(once.weights()[e] == static_cast<float>(1 / std::sqrt(degree(node) * degree(other))), "weight");
    }
  for (const double rate : {-0.1, 1.0, std::nan("")})
    expect_argument_error("rate", [&] { graph->drop_edges(rate, 1, 1); });
});

const Add graph_errors_case("rows that are not as described are refused, naming the place", [] {
  const auto expect = [](const std::string& part, std::int64_t users, std::int64_t items, Numbers offsets,
                         Numbers list) {
    expect_argument_error(part, [&] { const Graph graph(users, items, offsets, list); });
  };
  expect("counts", -1, 2, {0}, {});
  expect("2^31 nodes", std::int64_t{1} << 30, std::int64_t{1} << 30, {0}, {});
  expect("offsets: expected 3 numbers", 2, 4, {0, 1}, {0});
  expect("begin with 0", 1, 4, {1, 1}, {0});
  expect("end with 2", 1, 4, {0, 1}, {0, 1});
  expect("offsets[2]: expected at least 2", 3, 4, {0, 2, 1, 2}, {0, 1});
  expect("items[0]: expected 0..3", 1, 4, {0, 1}, {-1});
  expect("items[1]: expected 2..3", 1, 4, {0, 2}, {1, 4});
  expect("items[2]: expected 3..3", 2, 4, {0, 1, 3}, {0, 2, 2});
});

// Products by which a choice is made, in float64: candidates [n x 3] of each row of users.
Matrix mixed(const std::vector<Shape>& s, const Matrices& x, const Numbers& positives,
             const Numbers& candidates) {
  const std::int64_t n = s[1].rows, d = s[1].cols, each = n == 0 ? 0 : std::ssize(candidates) / n;
  Matrix out(at(n * d));
  for (std::int64_t i = 0; i < n; ++i) {
    std::int32_t best = -1;
    double most = -INFINITY;
    for (std::int64_t j = 0; j < each; ++j) {
      const std::int32_t row = candidates[at(i * each + j)];
      double total = 0;
      for (std::int64_t c = 0; c < d; ++c) total += x[0][at(row * d + c)] * x[1][at(i * d + c)];
      if (total > most) {
        most = total;
        best = row;
      }
    }
    for (std::int64_t c = 0; c < d; ++c)
      out[at(i * d + c)] = (x[0][at(positives[at(i)] * d + c)] + x[0][at(best * d + c)]) / 2;
  }
  return out;
}

// As many users as x has rows; lists that hold some rows often.
OpCase hop_mix_case(std::int64_t each) {
  const auto positives = [](std::int64_t n) { return random_indices(n, n, 7); };
  const auto candidates = [each](std::int64_t n) { return random_indices(n * each, n, 8); };
  return {"hop_mix of " + std::to_string(each), 4e-7,
          [](std::int64_t rows, std::int64_t cols) {
            return std::vector<Shape>{{rows, cols}, {rows, cols}};
          },
          [=](Tape& t, const std::vector<Handle>& x) {
            const std::int64_t n = t.shape(x[0]).rows;
            return hop_mix(t, x[0], x[1], positives(n), candidates(n));
          },
          [=](const std::vector<Shape>& s, const Matrices& x) {
            return mixed(s, x, positives(s[0].rows), candidates(s[0].rows));
          }};
}

const Add cases("propagate and hop_mix agree with their float64 references", [] {
  const auto one = [](std::int64_t rows, std::int64_t cols) { return std::vector<Shape>{{rows, cols}}; };
  run_cases({
      {"propagate", 4e-7, one,
       [](Tape& t, const std::vector<Handle>& x) {
         return propagate(t, of_nodes(t.shape(x[0]).rows).graph(), x[0]);
       },
       [](const std::vector<Shape>& s, const Matrices& x) {
         return product(of_nodes(s[0].rows).dense(), x[0], s[0]);
       }},
      {"propagate twice, added to its input", 4e-7, one,
       [](Tape& t, const std::vector<Handle>& x) {
         const auto graph = of_nodes(t.shape(x[0]).rows).graph();
         return add(t, x[0], propagate(t, graph, propagate(t, graph, x[0])));
       },
       [](const std::vector<Shape>& s, const Matrices& x) {
         const Matrix dense = of_nodes(s[0].rows).dense();
         Matrix out = product(dense, product(dense, x[0], s[0]), s[0]);
         for (std::size_t i = 0; i < out.size(); ++i) out[i] += x[0][i];
         return out;
       }},
      hop_mix_case(1),
      hop_mix_case(3),
  });
});

const Add isolated_case("nodes without edges get zeros, and so does their gradient", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    poison(tape);
    const auto nothing = std::make_shared<const Graph>(3, 2, Numbers{0, 0, 0, 0}, Numbers{});
    const Handle x = tape.input(random_floats(5 * 17, 1), 5, 17);
    const Handle y = propagate(tape, nothing, x);
    for (const float value : tape.value(y)) check(value == 0, level + ": value");
    tape.backward(weigh(tape, y, random_floats(5 * 17, 2)));
    for (const float value : tape.gradient(x)) check(value == 0, level + ": gradient");
  });
});

const Add kept_case("a graph lives as long as the step that uses it", [] {
  Tape tape;
  auto graph = Edges(20, 30).graph();
  const std::weak_ptr<const Graph> seen = graph;
  const Handle x = tape.input(random_floats(50 * 4, 1), 50, 4);
  const Handle y = propagate(tape, graph, x);
  graph.reset();
  check(!seen.expired(), "in the step");
  tape.backward(weigh(tape, y, random_floats(200, 2)));
  tape.reset();
  check(seen.expired(), "after it");
});

const Add mixing_case("in a training step each example has a share of its own, uniform in [0, 1)", [] {
  const std::int64_t n = 4000;
  const Numbers positives(at(n), 0), candidates(at(n), 1);
  const auto shares = [&](std::uint64_t seed, std::uint64_t step) {
    Tape tape;
    tape.randomize(seed, step);
    const Handle x = tape.input(std::vector<float>{1, 0}, 2, 1);
    const Handle users = tape.input(std::vector<float>(at(n), 1.0f), n, 1);
    const auto value = tape.value(hop_mix(tape, x, users, positives, candidates));
    return std::vector<float>(value.begin(), value.end());
  };
  const auto alphas = shares(1, 2);
  double total = 0, squares = 0;
  for (const float alpha : alphas) {
    check(alpha >= 0 && alpha < 1, "in [0, 1)");
    total += alpha;
    squares += alpha * alpha;
  }
  // Six standard deviations of the means: 0.289 and 0.298 over the root of n.
  check(std::fabs(total / double(n) - 0.5) < 0.028, "mean 1/2");
  check(std::fabs(squares / double(n) - 1.0 / 3) < 0.029, "mean square 1/3");
  check(alphas == shares(1, 2), "same seed and step");
  check(alphas != shares(1, 3) && alphas != shares(2, 2), "another step, another seed");
});

const Add choice_case("of equal products the first wins, and NaN never does", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    const Handle x = tape.input(std::vector<float>{0, 2, 2, std::nanf(""), 1}, 5, 1);
    const Handle one = tape.input(std::vector<float>{1}, 1, 1);
    const auto value = [&](Numbers candidates) {
      return tape.value(hop_mix(tape, x, one, Numbers{0}, candidates))[0];
    };
    check(value({4, 3, 1}) == 1, level + ": NaN loses");
    check(std::isnan(value({3, 3})), level + ": unless there is nothing else");
    const Handle y = hop_mix(tape, x, one, Numbers{0}, Numbers{2, 1, 4});
    tape.backward(y);
    check(tape.gradient(x)[2] == 0.5f && tape.gradient(x)[1] == 0, level + ": the first of equals");
    for (const float g : tape.gradient(one)) check(g == 0, level + ": the choice takes no gradient");
  });
});

const Add errors_case("shapes and rows that do not fit are refused", [] {
  Tape tape;
  const Handle x = tape.input(random_floats(12, 1), 4, 3), users = tape.input(random_floats(6, 2), 2, 3),
               wide = tape.input(random_floats(8, 3), 2, 4);
  expect_argument_error("5 nodes", [&] { propagate(tape, Edges(2, 3).graph(), x); });
  expect_argument_error("as wide as x, 3, got 4", [&] {
    hop_mix(tape, x, wide, Numbers{0, 1}, Numbers{0, 1});
  });
  expect_argument_error("positives: expected 2", [&] { hop_mix(tape, x, users, Numbers{0}, Numbers{0, 1}); });
  expect_argument_error("candidates: expected", [&] { hop_mix(tape, x, users, Numbers{0, 1}, Numbers{}); });
  expect_argument_error("candidates: expected", [&] {
    hop_mix(tape, x, users, Numbers{0, 1}, Numbers{0, 1, 2});
  });
  expect_argument_error("positives[1]", [&] { hop_mix(tape, x, users, Numbers{0, 4}, Numbers{0, 1}); });
  expect_argument_error("candidates[0]", [&] { hop_mix(tape, x, users, Numbers{0, 3}, Numbers{-1, 1}); });
});

const Add threads_case("same bits at any number of threads", [] {
  const Edges edges(300, 500);
  const auto graph = edges.graph();
  const auto values = random_floats(800 * 66, 1);
  const Numbers users = random_indices(700, 300, 2), positives = random_indices(700, 800, 3),
                candidates = random_indices(2800, 800, 4);
  check_same_bits_at_any_thread_count([&](const OpKernels& kernels) {
    Tape tape(kernels);
    tape.randomize(3, 4);
    const Handle x = tape.input(values, 800, 66);
    const Handle layer = propagate(tape, graph, x);
    const Handle y = hop_mix(tape, layer, take(tape, x, users), positives, candidates);
    tape.backward(weigh(tape, y, random_floats(700 * 66, 5)));
    std::vector<float> all;
    for (const Handle tensor : {layer, y})
      all.insert(all.end(), tape.value(tensor).begin(), tape.value(tensor).end());
    all.insert(all.end(), tape.gradient(x).begin(), tape.gradient(x).end());
    return all;
  });
});

}  // namespace

int main() { return l4r::test::run_all(); }
