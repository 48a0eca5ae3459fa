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
/// Anything else is answered with 404 or 405.  At most kMostAsking ask at once, each for kPatience at most; further ones wait to be accepted.  The text is made
/// at most once in kFresh, whoever asks.
class TextEndpoint {
 public:
  static constexpr std::size_t kMostAsking = 8;
  static constexpr std::chrono::seconds kPatience{10}, kFresh{5};

  using Text = std::function<task<std::string>()>;
  /// Binds and listens at once: throws failure naming the endpoint that cannot be had.  `timers` outlives it.
  TextEndpoint(Executor executor, Timers& timers, Endpoint at, std::string path, Text text);
  ~TextEndpoint();
  /// Until cancelled.
  task<void> run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace farkeep
