#include "async/backoff.hpp"

#include <catch2/catch.hpp>

namespace farkeep {
namespace {

using namespace std::chrono_literals;

TEST_CASE("backoff: the ceiling doubles up to the cap and starts over after a success") {
  Backoff backoff{5s, 60s, [] { return 0.5; }};
  CHECK(backoff.next() == 2500ms);
  CHECK(backoff.next() == 5s);
  CHECK(backoff.next() == 10s);
  CHECK(backoff.next() == 20s);
  CHECK(backoff.next() == 30s);
  for (int i = 0; i < 1000; ++i) CHECK(backoff.next() == 30s);
  backoff.reset();
  CHECK(backoff.next() == 2500ms);
}

TEST_CASE("backoff: the whole range is used") {
  double share = 0.0;
  Backoff backoff{8s, 8s, [&] { return share; }};
  CHECK(backoff.next() == 0s);
  share = 0.75;
  CHECK(backoff.next() == 6s);
}

TEST_CASE("backoff: a source that leaves [0, 1) cannot make a wait negative or longer than the cap") {
  double share = -3.0;
  Backoff backoff{5s, 10s, [&] { return share; }};
  CHECK(backoff.next() == 0s);
  share = 7.0;
  CHECK(backoff.next() == 10s);
}

TEST_CASE("backoff: a cap near the end of time does not overflow") {
  Backoff backoff{1s, std::chrono::nanoseconds::max(), [] { return 0.25; }};
  for (int i = 0; i < 100; ++i) CHECK(backoff.next() >= 0s);
}

}  // namespace
}  // namespace farkeep
