#include "async/waiters.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <list>

namespace farkeep {

// A waiter is a timer that never expires: cancelling it wakes the coroutine, and Asio's own cancellation reaches it.
// The node lives in the waiting coroutine's frame; the line is shared so that frames that are destroyed without being
// resumed (a context torn down) can still leave it.
struct Waiters::Line {
  struct Node {
    asio::steady_timer timer;
    bool woken = false;
  };
  std::list<Node*> nodes;
};

namespace {

template <class List>
class PlaceInLine {
 public:
  PlaceInLine(std::shared_ptr<List> line, typename decltype(List::nodes)::value_type node)
      : line_(std::move(line)), node_(node), at_(line_->nodes.insert(line_->nodes.end(), node)) {}
  ~PlaceInLine() {
    if (!node_->woken) line_->nodes.erase(at_);
  }
  PlaceInLine(const PlaceInLine&) = delete;
  PlaceInLine& operator=(const PlaceInLine&) = delete;

 private:
  std::shared_ptr<List> line_;
  typename decltype(List::nodes)::value_type node_;
  typename decltype(List::nodes)::iterator at_;
};

}  // namespace

Waiters::Waiters() : line_(std::make_shared<Line>()) {}
Waiters::~Waiters() = default;

task<void> Waiters::wait() {
  Line::Node node{asio::steady_timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()}};
  PlaceInLine<Line> place{line_, &node};
  boost::system::error_code ended;
  co_await node.timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  if (!node.woken) throw boost::system::system_error(asio::error::operation_aborted, "waiting");
}

bool Waiters::wake_one() {
  if (line_->nodes.empty()) return false;
  Line::Node* node = line_->nodes.front();
  line_->nodes.pop_front();
  node->woken = true;
  node->timer.cancel();
  return true;
}

void Waiters::wake_all() {
  while (wake_one()) {
  }
}

std::size_t Waiters::size() const noexcept { return line_->nodes.size(); }

}  // namespace farkeep
