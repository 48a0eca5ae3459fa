#include "async/budget.hpp"

#include <list>

#include "async/waiters.hpp"
#include "base/check.hpp"

namespace farkeep {

struct Budget::Part {
  std::size_t in_use = 0;
  std::uint64_t passed_in = 0;  // the last round in which one of its requests was too large for it
};

struct Budget::State {
  struct Request {
    Request(Part* p, std::size_t s) : part(p), size(s) {}
    Part* const part;
    const std::size_t size;
    bool granted = false;
    Waiters turn;
  };
  enum class Fit { yes, not_in_share, not_at_all };

  explicit State(std::size_t bytes) : capacity(bytes) {}

  Fit fit(const Request& request) const {
    if (in_use == 0) return Fit::yes;
    if (in_use > capacity || request.size > capacity - in_use) return Fit::not_at_all;
    auto const* const part = request.part;
    bool const is_more = part && part->in_use > 0 && part->in_use + request.size > (capacity - in_use) / 2;
    return is_more ? Fit::not_in_share : Fit::yes;
  }
  void take(const Request& request) {
    in_use += request.size;
    if (request.part) request.part->in_use += request.size;
  }
  // Bytes are taken on behalf of the waiting request, so that no newcomer slips in before it runs.  In order, and of a share, too.
  void grant() {
    ++round;
    is_scarce = false;
    for (auto at = line.begin(); at != line.end();) {
      Request* const one = *at;
      auto const fits = one->part && one->part->passed_in == round ? Fit::not_in_share : fit(*one);
      if (fits == Fit::not_at_all) {
        is_scarce = true;
        return;
      }
      if (fits == Fit::not_in_share) {
        one->part->passed_in = round;
        ++at;
        continue;
      }
      at = line.erase(at);
      take(*one);
      one->granted = true;
      one->turn.wake_one();
    }
  }

  const std::size_t capacity;
  std::size_t in_use = 0;
  std::uint64_t round = 0;
  bool is_scarce = false;
  std::list<Request*> line;
};

namespace {

// A request's place in the line; one that leaves ungranted may have stood in the way of smaller ones.
template <class State>
class Place {
 public:
  using Request = typename State::Request;
  Place(State& state, Request& request)
      : state_(state), request_(request), at_(state.line.insert(state.line.end(), &request)) {
    state_.grant();
  }
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
  typename std::list<Request*>::iterator at_;
};

}  // namespace

Budget::Budget(std::size_t bytes) : state_(std::make_shared<State>(bytes)) { FARKEEP_CHECK(bytes > 0); }
Budget::~Budget() = default;

Budget::Share::Share() : part_(std::make_shared<Part>()) {}
std::size_t Budget::Share::in_use() const noexcept { return part_->in_use; }

task<Budget::Lease> Budget::take_for(std::shared_ptr<Part> part, std::size_t size) {
  std::shared_ptr<State> state = state_;
  State::Request request{part.get(), size};
  if (state->line.empty() && state->fit(request) == State::Fit::yes) {
    state->take(request);
  } else {
    Place place{*state, request};
    if (!request.granted) co_await request.turn.wait();
  }
  co_return Lease{state, std::move(part), size};
}

bool Budget::is_scarce() const noexcept { return state_->is_scarce; }
std::size_t Budget::in_use() const noexcept { return state_->in_use; }
std::size_t Budget::capacity() const noexcept { return state_->capacity; }

Budget::Lease& Budget::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    part_ = std::move(other.part_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Budget::Lease::release() noexcept {
  shrink_to(0);
  state_.reset();
  part_.reset();
}

void Budget::Lease::shrink_to(std::size_t size) noexcept {
  if (!state_) return;
  FARKEEP_CHECK(size <= size_);
  state_->in_use -= size_ - size;
  if (part_) part_->in_use -= size_ - size;
  size_ = size;
  state_->grant();
}

}  // namespace farkeep
