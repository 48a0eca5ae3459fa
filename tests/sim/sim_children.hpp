#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "async/child.hpp"

namespace farkeep::sim {

/// Commands that print nothing and end at once with status 0, for real ones do not live in simulated time.
class SimChildren final : public Children {
 public:
  task<std::unique_ptr<Child>> start(ChildOrder order) override {
    orders.push_back(std::move(order));
    co_return std::make_unique<Ended>();
  }
  std::vector<ChildOrder> orders;  ///< what was started

 private:
  class Ended final : public Child {
   public:
    task<std::size_t> read_output(MutableByteView) override { co_return 0; }
    task<std::size_t> read_errors(MutableByteView) override { co_return 0; }
    task<int> ended() override { co_return 0; }
  };
};

}  // namespace farkeep::sim
