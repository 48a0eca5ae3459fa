#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "async/task.hpp"
#include "async/workers.hpp"

namespace farkeep {

/// Something said by HTTP POST to somebody who is no server of ours: a chat, a pager, healthchecks.io.
struct WebCall {
  std::string url;    ///< http or https
  std::string body;
  std::string type = "text/plain; charset=utf-8";  ///< of the body
  std::string proxy = {};  ///< URL of an HTTP proxy; empty: directly, whatever the environment says
};

/// The seam to the web, for tests.
class Web {
 public:
  virtual ~Web() = default;
  /// Returns when it was taken: the answer's status is 2xx, its body is nobody's and not read to its end.  Redirections are not followed.  Throws failure, naming the host only, for
  /// paths of such URLs are secrets: unreachable, timed_out (after 20 s at most), or protocol with the status.
  virtual task<void> call(WebCall call) = 0;
};

/// libcurl in a worker, which it holds for `within` at most, from the search for the address to the last byte that is read of an answer.
/// Certificates are checked against the system's authorities.
class CurlWeb final : public Web {
 public:
  static constexpr std::chrono::milliseconds kWithin{20'000};
  /// The workers outlive it.
  explicit CurlWeb(Workers& workers, std::chrono::milliseconds within = kWithin) : workers_(workers), within_(within) {}
  task<void> call(WebCall call) override;
  /// Calls that are made end soon, as cancelled; so do all later ones.
  void stop() noexcept { stopped_ = true; }

 private:
  Workers& workers_;
  const std::chrono::milliseconds within_;
  std::atomic<bool> stopped_{false};
};

}  // namespace farkeep
