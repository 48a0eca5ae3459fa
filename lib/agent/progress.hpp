#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace farkeep {

/// What a run has done so far.  Written by the run, read by whoever shows it, on one thread.
struct Progress {
  std::string phase;              ///< "connecting", "scanning", "sending", "committing", "restoring"…
  std::string server;             ///< where to
  std::uint64_t files = 0;        ///< finished, of any kind but folders
  std::uint64_t folders = 0;
  std::uint64_t others = 0;       ///< links, devices, fifos, sockets
  std::uint64_t bytes = 0;        ///< content of finished files, read or taken over
  std::uint64_t unchanged = 0;    ///< files taken over from the last snapshot
  std::uint64_t bytes_read = 0;
  std::uint64_t new_chunks = 0;
  std::uint64_t bytes_sent = 0;   ///< sealed records handed to the connection
  std::uint64_t bytes_durable = 0;  ///< acknowledged
  std::uint64_t unreadable = 0;
  std::uint64_t without_attributes = 0;  ///< in the snapshot, but not all that belongs to them: some attributes could not be read
  std::uint64_t vanished = 0;  ///< removed between being listed and being read
  std::uint64_t changed_while_read = 0;
  std::uint64_t excluded = 0;
  std::uint64_t expected_files = 0;  ///< from the last snapshot, 0: not known.  For the estimate only.
  std::uint64_t expected_bytes = 0;
};

/// Hears of a run.  Calls come from the run's thread, often; they must not block.
class Reporter {
 public:
  virtual ~Reporter() = default;
  /// Something moved: look at it when you like.
  virtual void progress(const Progress& now) = 0;
  /// A file that could not be read, or was kept although it changed or not all of it could be read: path and reason.
  virtual void problem(std::string_view path, std::string_view text) = 0;
  /// A thing people should know: failover, retry, waiting.
  virtual void note(std::string_view text) = 0;
};

/// Hears nothing.
class NoReporter final : public Reporter {
 public:
  void progress(const Progress&) override {}
  void problem(std::string_view, std::string_view) override {}
  void note(std::string_view) override {}
};

}  // namespace farkeep
