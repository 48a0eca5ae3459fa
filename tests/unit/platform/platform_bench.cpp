// Figures for lib/platform: bench_platform SOURCE_FOLDER NEW_TARGET_FOLDER
// Reads the names and lstats of a tree (read only), and restores small files with metadata into a new folder.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "platform/disk.hpp"
#include "platform/source_tree.hpp"
#include "platform/target_tree.hpp"

using namespace farkeep;

namespace {

constexpr int kFiles = 20'000;
constexpr int kRounds = 5;

std::size_t walk(const SourceFolder& folder) {
  std::size_t n = 0;
  for (const SourceName& e : folder.entries()) {
    ++n;
    if (e.stat.kind == EntryKind::folder) n += walk(*folder.folder(e.name));
  }
  return n;
}

std::size_t read_attributes(const SourceFolder& folder) {
  std::size_t n = 0;
  for (const SourceName& e : folder.entries()) {
    n += folder.xattrs(e.name).kept.size();
    if (e.stat.kind == EntryKind::folder) n += read_attributes(*folder.folder(e.name));
  }
  return n;
}

std::size_t read_content(const SourceFolder& folder, Buffer& into) {
  std::size_t n = 0;
  for (const SourceName& e : folder.entries()) {
    if (e.stat.kind == EntryKind::file) n += folder.file(e.name)->read(into);
    if (e.stat.kind == EntryKind::folder) n += read_content(*folder.folder(e.name), into);
  }
  return n;
}

void restore(const std::string& path, const TargetOptions& options) {
  Buffer const content(3000, 'x');
  auto const root = TargetFolder::open_root(path, options);
  EntryStat stat;
  stat.mode = 0644;
  stat.size = content.size();
  stat.uid = SourceFolder::open(path)->stat().uid;
  stat.gid = SourceFolder::open(path)->stat().gid;
  std::shared_ptr<TargetFolder> folder;
  for (int i = 0; i < kFiles; ++i) {
    if (i % 100 == 0) folder = root->folder("folder-" + std::to_string(i));
    stat.mtime_ns = 1'600'000'000'000'000'000 + i;
    std::string const name = "file-" + std::to_string(i);
    auto const file = folder->file(name, folder->plan(name, stat));
    file->write_at(0, content);
    file->finish(stat, {}, {"root", "root"});
  }
}

/// Seconds of this one thread's processor time, the best of some rounds: the machine may be shared.
template <class Work, class After>
double best_seconds(Work work, After after) {
  double best = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    std::clock_t const begin = std::clock();
    work();
    best = std::min(best, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    after();
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_platform SOURCE_FOLDER NEW_TARGET_FOLDER\n");
    return 2;
  }
  std::size_t entries = 0;
  auto const nothing = [] {};
  auto const report = [&](const char* what, double seconds, double n) {
    std::printf("%-44s %7.3f CPU-s  %6.2f us each\n", what, seconds, seconds / n * 1e6);
  };
  auto const root = SourceFolder::open(argv[1]);
  double t = best_seconds([&] { entries = walk(*root); }, nothing);
  std::printf("%zu entries\n", entries);
  report("walk + lstat", t, static_cast<double>(entries));
  t = best_seconds([&] { read_attributes(*root); }, nothing);
  report("walk + lstat + attributes", t, static_cast<double>(entries));
  Buffer into(1 << 20);
  t = best_seconds([&] { read_content(*root, into); }, nothing);
  report("walk + lstat + first MiB of content", t, static_cast<double>(entries));

  std::string const target = argv[2];
  if (system_disk().exists(target)) {
    std::fprintf(stderr, "%s exists\n", argv[2]);
    return 2;
  }
  auto const clear = [&] { system_disk().remove_tree(target); };
  TargetOptions options;
  report("restore a small file, any target", best_seconds([&] { restore(target, options); }, clear), kFiles);
  options.found = TargetOptions::Found::nothing;
  report("restore a small file, empty target", best_seconds([&] { restore(target, options); }, clear), kFiles);
}
