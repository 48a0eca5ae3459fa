#include "async/budget.hpp"

#include <list>

#include "async/waiters.hpp"
#include "base/check.hpp"

namespace farkeep {
namespace {

struct Request {
  explicit Request(std::size_t s) : size(s) {}
  const std::size_t size;
  bool granted = false;
  Waiters turn;
};

}  // namespace

struct Budget::State {
  explicit State(std::size_t bytes) : capacity(bytes) {}

  bool fits(std::size_t size) const { return in_use == 0 || (in_use <= capacity && size <= capacity - in_use); }
  // Bytes are taken on behalf of the waiting request, so that no newcomer slips in before it runs.
  void grant() {
    while (!line.empty() && fits(line.front()->size)) {
      Request* first = line.front();
      line.pop_front();
      in_use += first->size;
      first->granted = true;
      first->turn.wake_one();
    }
  }

  const std::size_t capacity;
  std::size_t in_use = 0;
  std::list<Request*> line;
};

namespace {

// A request's place in the line; one that leaves ungranted may have stood in the way of smaller ones.
template <class State>
class Place {
 public:
  Place(State& state, Request& request)
      : state_(state), request_(request), at_(state.line.insert(state.line.end(), &request)) {}
  ~Place() {
    if (request_.granted) return;
    state_.line.erase(at_);
    state_.grant();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  State& state_;
  Request& request_;
  std::list<Request*>::iterator at_;
};

}  // namespace

Budget::Budget(std::size_t bytes) : state_(std::make_shared<State>(bytes)) { FARKEEP_CHECK(bytes > 0); }
Budget::~Budget() = default;

task<Budget::Lease> Budget::take(std::size_t size) {
  std::shared_ptr<State> state = state_;
  if (state->line.empty() && state->fits(size)) {
    state->in_use += size;
  } else {
    Request request{size};
    Place place{*state, request};
    co_await request.turn.wait();
  }
  co_return Lease{state, size};
}

std::size_t Budget::in_use() const noexcept { return state_->in_use; }
std::size_t Budget::capacity() const noexcept { return state_->capacity; }

Budget::Lease& Budget::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Budget::Lease::release() noexcept {
  shrink_to(0);
  state_.reset();
}

void Budget::Lease::shrink_to(std::size_t size) noexcept {
  if (!state_) return;
  FARKEEP_CHECK(size <= size_);
  state_->in_use -= size_ - size;
  size_ = size;
  state_->grant();
}

}  // namespace farkeep
