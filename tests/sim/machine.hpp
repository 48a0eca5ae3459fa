#pragma once

#include <string>

#include "async/scope.hpp"
#include "async/waiters.hpp"
#include "sim/earth.hpp"
#include "sim/sim_disk.hpp"

namespace farkeep::sim {

/// A machine with a disk, an address and one program on it, which is started again whenever it ends, as a service manager does it.
///
/// When the power goes, the disk takes nothing more and the network hears nothing more, at that instant; then the program's
/// coroutines are taken down.  What they do on their way down nobody can see.
class Machine {
 public:
  Machine(Earth& earth, std::string name, const char* address);
  virtual ~Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Until finish().
  task<void> run();
  /// The program is told to stop, for good.
  void finish();

  /// The power goes; it comes back after `pause`, and what was not synced is as `cut` says.
  void crash(Cut cut, std::chrono::nanoseconds pause);
  /// The same at the disk operation after `n` more, whenever that is.
  void crash_after(std::uint64_t n, Cut cut, std::chrono::nanoseconds pause);
  /// The program is told to stop, and started again after `pause`.
  void restart(std::chrono::nanoseconds pause);

  /// The power goes; when it comes back the disk holds what it held at an earlier time.
  void set_back(std::shared_ptr<const SimDisk::Image> to, std::chrono::nanoseconds pause);

  const std::string& name() const { return name_; }
  const Address& address() const { return address_; }
  SimDisk& disk() { return disk_; }
  /// Power cuts and restarts so far.
  unsigned interruptions() const { return interruptions_; }

 protected:
  /// The program was told to end, or lost its power.
  bool stopping() const { return stop_; }
  /// The program, until it is cancelled or fails.
  virtual task<void> live() = 0;
  /// Takes down what live() left; the disk may be without power.
  virtual task<void> clean_up() = 0;

  Earth& earth_;

 private:
  task<void> wait_for_stop(Scope& scope);

  const std::string name_;
  const Address address_;
  SimDisk disk_;
  std::mt19937 tear_;
  std::shared_ptr<const SimDisk::Image> earlier_;
  bool stop_ = false, finished_ = false;
  Cut cut_ = Cut::drop_all;
  std::chrono::nanoseconds pause_{};
  Waiters stopping_;
  unsigned interruptions_ = 0;
};

}  // namespace farkeep::sim
