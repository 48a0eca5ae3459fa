#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "async/task.hpp"

namespace farkeep {

/// Where work that computes or touches a disk goes, so that the one thread that runs coroutines never blocks.
///
///   Sealed sealed = co_await workers.offload(&seal, std::move(chunk), key);
///
/// Takes a function and its arguments by value (no lambda with captures inside an expression with co_await: g++ 12
/// destroys it twice), hands them to a thread and resumes the caller on its own executor with the result.  Exceptions
/// travel back. Work is not cancellable: a cancelled caller waits for it and meets the cancellation at its next
/// co_await.
class Workers {
 public:
  virtual ~Workers() = default;
  /// How many pieces of work can run at once.
  virtual std::size_t threads() const noexcept = 0;

  template <class F, class... Args>
  task<std::invoke_result_t<F, Args...>> offload(F function, Args... args);

 protected:
  /// A piece of work; lies in the waiting coroutine's frame.
  class Job {
   public:
    virtual void work() noexcept = 0;

   protected:
    ~Job() = default;
  };
  /// Runs job.work() somewhere and returns when it has run.
  virtual task<void> run(Job& job) = 0;

 private:
  template <class F, class... Args>
  class Call;
};

/// A pool of threads.  Destroy it (or let it be idle) before the io_context whose coroutines wait for it.
class ThreadWorkers final : public Workers {
 public:
  explicit ThreadWorkers(std::size_t threads);
  /// Waits for work that has begun; work that has not is dropped, its callers are never resumed.
  ~ThreadWorkers() override;
  std::size_t threads() const noexcept override { return threads_; }

 protected:
  task<void> run(Job& job) override;

 private:
  struct Pool;
  const std::size_t threads_;
  std::unique_ptr<Pool> pool_;
};

/// Runs work at once in the calling thread: deterministic simulations and small tools.
class InlineWorkers final : public Workers {
 public:
  std::size_t threads() const noexcept override { return 1; }

 protected:
  task<void> run(Job& job) override;
};

// ---- implementation

template <class F, class... Args>
class Workers::Call final : public Job {
  using R = std::invoke_result_t<F, Args...>;
  static_assert(!std::is_reference_v<R>, "work returns values: what a reference points to may be gone");

 public:
  Call(F&& function, Args&&... args) : function_(std::move(function)), args_(std::move(args)...) {}

  void work() noexcept override {
    try {
      if constexpr (std::is_void_v<R>) {
        std::apply(std::move(function_), std::move(args_));
      } else {
        value_.emplace(std::apply(std::move(function_), std::move(args_)));
      }
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  R take() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    if constexpr (!std::is_void_v<R>) return std::move(*value_);
  }

 private:
  F function_;
  std::tuple<Args...> args_;
  std::optional<std::conditional_t<std::is_void_v<R>, char, R>> value_;
  std::exception_ptr error_;
};

template <class F, class... Args>
task<std::invoke_result_t<F, Args...>> Workers::offload(F function, Args... args) {
  Call<F, Args...> call{std::move(function), std::move(args)...};
  co_await run(call);
  co_return call.take();
}

}  // namespace farkeep
