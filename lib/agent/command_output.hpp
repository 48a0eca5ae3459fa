#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/progress.hpp"
#include "agent/scanner.hpp"
#include "async/commands.hpp"
#include "base/clock.hpp"
#include "config/command_source.hpp"
#include "platform/source_tree.hpp"

namespace farkeep {

/// The folder, in the catalog's spelling, below which the output of commands stands.
inline constexpr std::string_view kCommandOutput = "command-output";

/// Puts the outputs of a job's commands among what was found on disk, in the catalog's order.
class CommandItems {
 public:
  /// `commands` outlive it.
  CommandItems(const std::vector<CommandSource>& commands, WallTime now);
  /// Puts in what belongs before and between these items.  Throws failure(configuration) when the disk has a folder of that name in the job.
  void merge(std::vector<ScanItem>& found);
  /// What is left, when the walk is over.
  std::vector<ScanItem> rest();

 private:
  std::vector<ScanItem> items_;
  std::size_t next_ = 0;
};

/// What a command prints, to be read as a file of unknown size, piece by piece.
///
/// Cancelled or destroyed before the end, it asks the command to end.
class CommandOutput {
 public:
  /// Starts it.  What it prints to its standard error goes to the reporter.
  static task<std::unique_ptr<CommandOutput>> start(Children& children, ChildOrder order, Reporter& reporter);
  ~CommandOutput();

  /// Returns when at least so many bytes wait to be read, or the output has ended.
  task<void> fill(std::size_t bytes);
  /// Reads what fill() brought; at its end the output has ended.  For a FileCutter; valid as long as this.
  std::unique_ptr<SourceFile> file(const EntryStat& stat);
  /// Reads the command's standard error to its end: runs beside fill(), and may outlive this.
  task<void> listen(Timers& timers);
  /// After the end of the output: throws failure(command) unless its status is 0.
  task<void> finish();

 private:
  class File;
  struct State;
  explicit CommandOutput(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace farkeep
