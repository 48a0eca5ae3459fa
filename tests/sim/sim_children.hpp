#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "async/child.hpp"

namespace farkeep::sim {

/// Commands that print nothing and end at once, for real ones do not live in simulated time.
class SimChildren final : public Children {
 public:
  task<std::unique_ptr<Child>> start(ChildOrder order) override {
    const int status = run ? run(order) : 0;
    orders.push_back(std::move(order));
    co_return std::make_unique<Ended>(status);
  }
  std::vector<ChildOrder> orders;  ///< what was started
  std::function<int(const ChildOrder&)> run;  ///< its status; none: 0

 private:
  class Ended final : public Child {
   public:
    explicit Ended(int status) : status_(status) {}
    task<std::size_t> read_output(MutableByteView) override { co_return 0; }
    task<std::size_t> read_errors(MutableByteView) override { co_return 0; }
    task<int> ended() override { co_return status_; }

   private:
    const int status_;
  };
};

}  // namespace farkeep::sim
