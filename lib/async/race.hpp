#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "async/task.hpp"
#include "async/timers.hpp"

/// First completion wins; the loser is cancelled and awaited, so nothing runs on behind the caller's back.
///
/// A failure is a completion too: it wins the race and is rethrown.  (Asio's own || waits for the first *success* and
/// loses the error.)  Cancelling the caller cancels both sides, waits for them, and throws operation_aborted.
/// A side that cannot be cancelled (work in a thread) makes the race as long as itself.
namespace farkeep {

namespace detail {
enum class Winner { first, second };
/// Runs both to their end; the first to complete decides.  Throws that side's exception, or operation_aborted.
task<Winner> run_race(task<void> first, task<void> second);
/// Runs `work`, cancelled after `duration`.  Throws what it throws, or timed_out when it was cut short.
task<void> run_within(Timers& timers, std::chrono::nanoseconds duration, task<void> work, std::string doing);

template <class T>
task<void> store(task<T> from, std::optional<T>& to) {
  to.emplace(co_await std::move(from));
}
}  // namespace detail

/// The task's value, or failure(timed_out, doing).  A value that exists when time runs out is returned, never dropped.
/// timed_out means that `work` was cancelled and has ended; what that leaves behind, its own contract says.
template <class T>
task<T> with_timeout(Timers& timers, std::chrono::nanoseconds duration, task<T> work, std::string doing) {
  if constexpr (std::is_void_v<T>) {
    co_await detail::run_within(timers, duration, std::move(work), std::move(doing));
  } else {
    std::optional<T> value;
    co_await detail::run_within(timers, duration, detail::store(std::move(work), value), std::move(doing));
    co_return std::move(*value);
  }
}

/// What a race of A and B yields: index 0 or 1; void stands as monostate.
template <class A, class B>
using race_result = std::variant<std::conditional_t<std::is_void_v<A>, std::monostate, A>,
                                 std::conditional_t<std::is_void_v<B>, std::monostate, B>>;

/// The result of whichever task completes first.  The loser's result, if it completed in the same turn, is dropped: do
/// not race two tasks that hand out things one must not lose.
template <class A, class B>
task<race_result<A, B>> race(task<A> a, task<B> b) {
  using Result = race_result<A, B>;
  detail::Winner winner;
  if constexpr (std::is_void_v<A> && std::is_void_v<B>) {
    winner = co_await detail::run_race(std::move(a), std::move(b));
    if (winner == detail::Winner::first) co_return Result{std::in_place_index<0>};
    co_return Result{std::in_place_index<1>};
  } else if constexpr (std::is_void_v<A>) {
    std::optional<B> second;
    winner = co_await detail::run_race(std::move(a), detail::store(std::move(b), second));
    if (winner == detail::Winner::first) co_return Result{std::in_place_index<0>};
    co_return Result{std::in_place_index<1>, std::move(*second)};
  } else if constexpr (std::is_void_v<B>) {
    std::optional<A> first;
    winner = co_await detail::run_race(detail::store(std::move(a), first), std::move(b));
    if (winner == detail::Winner::first) co_return Result{std::in_place_index<0>, std::move(*first)};
    co_return Result{std::in_place_index<1>};
  } else {
    std::optional<A> first;
    std::optional<B> second;
    winner = co_await detail::run_race(detail::store(std::move(a), first), detail::store(std::move(b), second));
    if (winner == detail::Winner::first) co_return Result{std::in_place_index<0>, std::move(*first)};
    co_return Result{std::in_place_index<1>, std::move(*second)};
  }
}

}  // namespace farkeep
