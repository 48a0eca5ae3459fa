#include "async/scope.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <list>

#include "async/waiters.hpp"
#include "base/check.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace farkeep {

struct Scope::State {
  struct Child {
    explicit Child(std::string n) : name(std::move(n)) {}
    std::string name;
    asio::cancellation_signal stop;
    bool started = false;
  };
  using Place = std::list<Child>::iterator;

  explicit State(Executor e) : executor(std::move(e)) {}

  void cancel() {
    if (cancelled) return;
    cancelled = true;
    // A child may end, and so leave the list, only in a later turn: emitting runs no completion inline.
    for (Child& child : children) child.stop.emit(asio::cancellation_type::terminal);
  }
  void ended(Place place, const std::exception_ptr& error);

  Executor executor;
  std::list<Child> children;
  std::exception_ptr first_failure;
  bool cancelled = false;
  bool joining = false;
  Waiters none_left;
};

namespace {

struct Verdict {
  bool abort = false;
  std::string text;
};

Verdict judge(const std::exception_ptr& error) {
  Verdict v;
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    v.abort = e.code() == asio::error::operation_aborted || e.code() == make_error_code(Errc::cancelled);
    v.text = e.what();
  } catch (const std::exception& e) {
    v.text = e.what();
  } catch (...) {
    v.text = "an unknown exception";
  }
  return v;
}

// The turn in between keeps spawn() from running anything; a child cancelled before its turn never starts.
template <class Place>
task<void> run_child(Place place, task<void> body) {
  co_await asio::post(asio::use_awaitable);
  place->started = true;
  co_await std::move(body);
}

}  // namespace

void Scope::State::ended(Place place, const std::exception_ptr& error) {
  if (error) {
    Verdict v = judge(error);
    if (v.abort && cancelled) {
      // as asked
    } else if (!first_failure) {
      first_failure = error;
    } else {
      log_debug("{} ended after another failure: {}", place->name, v.text);
    }
  }
  children.erase(place);
  if (error) cancel();
  if (children.empty()) none_left.wake_all();
}

Scope::Scope(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

Scope::~Scope() {
  if (state_->joining || state_->children.empty()) return;
  for (const State::Child& child : state_->children) FARKEEP_CHECK(!child.started);
  state_->cancel();
}

void Scope::spawn(task<void> child, std::string name) {
  if (state_->cancelled) return;
  auto place = state_->children.emplace(state_->children.end(), std::move(name));
  auto on_end = [state = state_, place](const std::exception_ptr& error) { state->ended(place, error); };
  asio::co_spawn(state_->executor, run_child(place, std::move(child)),
                 asio::bind_cancellation_slot(place->stop.slot(), std::move(on_end)));
}

// A cancellation is not used up here: who catches what we throw and goes on meets it again at the next co_await.
task<void> Scope::join() {
  std::shared_ptr<State> state = state_;
  state->joining = true;
  bool const throws = co_await asio::this_coro::throw_if_cancelled();
  bool caller_cancelled = false;
  while (!state->children.empty()) {
    std::exception_ptr interrupted;
    try {
      co_await state->none_left.wait();
    } catch (...) {
      interrupted = std::current_exception();
    }
    if (interrupted) {
      // From here on we wait for the children's ends, whatever else is asked of us.
      caller_cancelled = true;
      co_await asio::this_coro::throw_if_cancelled(false);
      state->cancel();
    }
  }
  if (caller_cancelled) co_await asio::this_coro::throw_if_cancelled(throws);
  state->joining = false;
  if (state->first_failure) std::rethrow_exception(std::exchange(state->first_failure, nullptr));
  if (caller_cancelled) throw boost::system::system_error(asio::error::operation_aborted, "joining");
}

void Scope::cancel() { state_->cancel(); }
std::size_t Scope::running() const noexcept { return state_->children.size(); }
bool Scope::cancelled() const noexcept { return state_->cancelled; }

}  // namespace farkeep
