#include "agent/command_output.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "archive/path.hpp"
#include "async/waiters.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kPiece = 64 * limits::kKiB;  // what a pipe holds

}  // namespace

CommandItems::CommandItems(const std::vector<CommandSource>& commands, WallTime now) {
  if (commands.empty()) return;
  ScanItem folder;
  folder.path = folder.name = kCommandOutput;
  folder.stat.kind = EntryKind::folder;
  folder.stat.mode = 0700;
  folder.stat.mtime_ns = now.time_since_epoch().count();
  folder.made_up = true;
  items_.push_back(folder);
  for (auto& command : commands) {
    ScanItem item = folder;
    item.name = command.name;
    item.path += "/" + command.name;
    item.stat.kind = EntryKind::file;
    item.stat.mode = 0600;
    item.command = &command;
    items_.push_back(std::move(item));
  }
  std::sort(items_.begin(), items_.end(), [](auto& a, auto& b) { return compare_paths(a.path, b.path) < 0; });
}

void CommandItems::merge(std::vector<ScanItem>& found) {
  if (next_ == items_.size()) return;
  std::vector<ScanItem> out;
  for (auto& f : found) {
    while (next_ < items_.size() && compare_paths(items_[next_].path, f.path) < 0) out.push_back(std::move(items_[next_++]));
    if (f.path == kCommandOutput)
      throw failure(Errc::configuration, "walking the sources: /" + f.path + " exists on this machine, but the output of the job's commands stands there in its snapshots (give the commands a job of their own)");
    out.push_back(std::move(f));
  }
  found = std::move(out);
}

std::vector<ScanItem> CommandItems::rest() {
  std::vector<ScanItem> out;
  while (next_ < items_.size()) out.push_back(std::move(items_[next_++]));
  return out;
}

// Shared by the reader of the output and that of the errors, which may outlive one another when a run is cancelled.
struct CommandOutput::State {
  State(std::string line, std::unique_ptr<Child> c, Reporter& reporter)
      : command(std::move(line)), child(std::move(c)), errors([this, &reporter](std::string_view text) { reporter.note("the command '" + command + "' says: " + std::string(text)); }) {}
  const std::string command;
  std::unique_ptr<Child> child;
  Lines errors;
  Waiters errors_over;
  bool errors_ended = false;
  Buffer waiting;  // read from the command, not yet from the file
  std::size_t at = 0;
  bool ended = false;
};

class CommandOutput::File final : public SourceFile {
 public:
  File(std::shared_ptr<State> state, const EntryStat& stat) : state_(std::move(state)), stat_(stat) {
    stat_.size = std::numeric_limits<std::int64_t>::max();  // nobody knows
    stat_.blocks512 = stat_.size;
  }
  std::size_t read(MutableByteView into) override {
    State& s = *state_;
    const std::size_t n = std::min(into.size(), s.waiting.size() - s.at);
    std::memcpy(into.data(), s.waiting.data() + s.at, n);
    s.at += n;
    return n;
  }
  void skip_to(std::uint64_t) override {}
  EntryStat stat() const override { return stat_; }
  std::vector<DataRange> data_ranges() const override { return {{0, stat_.size}}; }
  Xattrs xattrs() const override { return {}; }

 private:
  std::shared_ptr<State> state_;
  EntryStat stat_;
};

task<std::unique_ptr<CommandOutput>> CommandOutput::start(Children& children, ChildOrder order, Reporter& reporter) {
  const std::string command = order.command;
  std::unique_ptr<Child> child = co_await children.start(std::move(order));
  auto state = std::make_shared<State>(command, std::move(child), reporter);
  co_return std::unique_ptr<CommandOutput>(new CommandOutput(std::move(state)));
}

CommandOutput::~CommandOutput() = default;

std::unique_ptr<SourceFile> CommandOutput::file(const EntryStat& stat) { return std::make_unique<File>(state_, stat); }

task<void> CommandOutput::fill(std::size_t bytes) {
  State& s = *state_;
  s.waiting.erase(s.waiting.begin(), s.waiting.begin() + static_cast<std::ptrdiff_t>(s.at));
  s.at = 0;
  std::size_t have = s.waiting.size();
  while (!s.ended && have < bytes) {
    s.waiting.resize(have + kPiece);
    const std::size_t n = co_await s.child->read_output(MutableByteView{s.waiting}.subspan(have));
    have += n;
    s.ended = n == 0;
  }
  s.waiting.resize(have);
}

task<void> CommandOutput::listen(Timers& timers) {
  const std::shared_ptr<State> s = state_;
  co_await read_errors(*s->child, timers, s->errors);
  s->errors_ended = true;
  s->errors_over.wake_all();
}

task<void> CommandOutput::finish() {
  State& s = *state_;
  while (!s.errors_ended) co_await s.errors_over.wait();
  const int status = co_await s.child->ended();
  if (status != 0) throw failure::whole(Errc::command, how_it_ended(s.command, status, s.errors.last()));
}

}  // namespace farkeep
