#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "async/timers.hpp"
#include "transport/endpoint.hpp"

namespace farkeep {

/// Serves one text to whoever asks for its path by HTTP GET, in the clear: metrics for a Prometheus on this machine or in a trusted network.
///
/// Anything else is answered with 404 or 405.  A connection costs what it has earned: at most kMostSilent have not asked yet, at most kMostAsking are answered, and
/// each lives for kPatience in all, and sends 8 KiB at most.  When one more comes, somebody is hung up on (crowd.hpp): so whoever says nothing, asks slowly or takes
/// no answer keeps nobody from asking.  The text is made at most once in kFresh, whoever asks, and once at a time.
class TextEndpoint {
 public:
  static constexpr std::size_t kMostSilent = 32, kMostAsking = 16;
  static constexpr std::chrono::seconds kPatience{10}, kFresh{5};

  using Text = std::function<task<std::string>()>;
  /// Binds and listens at once: throws failure naming the endpoint that cannot be had.  `timers` outlives it.
  TextEndpoint(Executor executor, Timers& timers, Endpoint at, std::string path, Text text);
  ~TextEndpoint();
  /// Until cancelled: nothing that comes from outside ends it, nor does a text that cannot be made.
  task<void> run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace farkeep
