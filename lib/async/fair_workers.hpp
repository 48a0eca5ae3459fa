#pragma once

#include <memory>

#include "async/workers.hpp"

namespace farkeep {

/// Other workers, shared fairly: each lane() has a queue of its own, and the queues are served in turn, one piece of work each.  So ten
/// thousand questions of one party delay another's by one piece of work for each party that has any, not by ten thousand.
///
/// What is asked of it directly has a lane, too.  No more work is handed on than keeps the threads busy: what waits, waits here.  Waiting is
/// no more cancellable than the work is.  One thread asks.  It outlives its lanes; the other workers outlive it.
class FairWorkers final : public Workers {
 public:
  explicit FairWorkers(Workers& under);
  ~FairWorkers() override;
  std::size_t threads() const noexcept override;
  /// For one party.  Goes after what it was given to do.
  std::unique_ptr<Workers> lane();

 protected:
  task<void> run(Job& job) override;

 private:
  class Lane;
  struct State;
  const std::shared_ptr<State> state_;
  const std::unique_ptr<Lane> own_;
};

/// A lane of workers that are shared fairly; of others, the same workers as they are.
std::unique_ptr<Workers> lane_of(Workers& workers);

}  // namespace farkeep
