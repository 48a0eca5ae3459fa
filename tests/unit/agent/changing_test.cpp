// Files that change while they are read, and folders when they are entered.
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

// The machine's files, of which those named "restless" change under each of the first so many readers.
struct Unrest {
  int changes = 0;
  bool endless = false;  // there is always more to read
  int opened = 0;
  std::string mounts = {};  // a folder where something is mounted as soon as it is entered; before that another one is to be seen
};

class RestlessFile final : public SourceFile {
 public:
  RestlessFile(std::unique_ptr<SourceFile> file, bool changes, bool endless) : file_(std::move(file)), changes_(changes), endless_(endless) {}
  std::size_t read(MutableByteView into) override {
    read_ = true;
    return endless_ ? into.size() : file_->read(into);
  }
  void skip_to(std::uint64_t offset) override { file_->skip_to(offset); }
  EntryStat stat() const override {
    EntryStat s = file_->stat();
    if (changes_ && read_) s.mtime_ns += 1;
    return s;
  }
  std::vector<DataRange> data_ranges() const override { return file_->data_ranges(); }
  std::vector<Xattr> xattrs() const override { return file_->xattrs(); }

 private:
  std::unique_ptr<SourceFile> file_;
  const bool changes_, endless_;
  bool read_ = false;
};

class RestlessFolder final : public SourceFolder {
 public:
  RestlessFolder(std::shared_ptr<SourceFolder> folder, Unrest& unrest) : folder_(std::move(folder)), unrest_(unrest) {}
  std::vector<SourceName> entries() const override {
    auto names = folder_->entries();
    for (auto& n : names) n.stat = as_seen(n.name, n.stat);
    return names;
  }
  std::shared_ptr<SourceFolder> folder(const std::string& name) const override { return std::make_shared<RestlessFolder>(folder_->folder(name), unrest_); }
  std::unique_ptr<SourceFile> file(const std::string& name) const override {
    auto file = folder_->file(name);
    if (name != "restless") return file;
    return std::make_unique<RestlessFile>(std::move(file), unrest_.opened++ < unrest_.changes, unrest_.endless);
  }
  std::string link_target(const std::string& name) const override { return folder_->link_target(name); }
  std::vector<Xattr> xattrs(const std::string& name) const override { return folder_->xattrs(name); }
  EntryStat stat(const std::string& name) const override { return as_seen(name, folder_->stat(name)); }
  EntryStat stat() const override { return folder_->stat(); }
  std::vector<Xattr> xattrs() const override { return folder_->xattrs(); }

 private:
  EntryStat as_seen(const std::string& name, EntryStat s) const {
    if (name != unrest_.mounts) return s;
    s.mode = 0777;
    s.mtime_ns = 0;
    s.device += 1;
    return s;
  }

  std::shared_ptr<SourceFolder> folder_;
  Unrest& unrest_;
};

struct RestlessTree final : SourceTree {
  std::shared_ptr<SourceFolder> open(const std::string& path) override { return std::make_shared<RestlessFolder>(system_sources().open(path), unrest); }
  Unrest unrest;
};

BackupResult backup(Machine& m, RestlessTree& tree) {
  BackupParts parts{*m.state, *m.keys, m.workers, m.timers, m.clock, m.random, m.reporter, tree};
  JobRunner runner(parts, m, *m.choice);
  return m.run(runner.run(m.job, Patience::one_round)).value();
}

}  // namespace

TEST_CASE("changing files: one that changes once is read again and kept without a mark, small or large") {
  for (const std::size_t size : {3000u, 5'000'000u}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.changes = 1;
    m.write("restless", m.noise(size, 1));
    m.write("calm", m.noise(size, 2));
    const BackupResult r = backup(m, tree);
    CHECK(tree.unrest.opened == 2);
    CHECK(r.progress.changed_while_read == 0);
    CHECK(r.progress.files == 2);
    m.restore();
    CHECK(m.same());
  }
}

TEST_CASE("changing files: one that never rests is kept with a mark, counted, and not read for ever, small or large") {
  for (const std::size_t size : {3000u, 5'000'000u}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.changes = 1000;
    m.write("restless", m.noise(size, 1));
    const BackupResult r = backup(m, tree);
    CHECK(tree.unrest.opened == 2);
    CHECK(r.progress.changed_while_read == 1);
    CHECK_FALSE(r.complete());
    const BackupResult again = backup(m, tree);  // and next time, for the mark says that nobody knows what it was
    CHECK(tree.unrest.opened == 4);
    CHECK(again.progress.unchanged == 0);
  }
}

TEST_CASE("changing files: one that grows as fast as it is read comes to an end") {
  Machine m;
  RestlessTree tree;
  tree.unrest.changes = 1000;
  tree.unrest.endless = true;
  m.write("restless", m.noise(3'000'000, 1));
  const BackupResult r = backup(m, tree);
  CHECK(r.progress.changed_while_read == 1);
  CHECK(r.progress.bytes > 64u << 20);
  CHECK(r.progress.bytes < 80u << 20);
}

TEST_CASE("changing folders: one where something is mounted when it is entered is taken for what it then is") {
  for (const char* name : {"source", "folder"}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.mounts = name;
    m.write("f", m.noise(3000, 1));
    m.write("folder/f", m.noise(3000, 2));
    CHECK(backup(m, tree).progress.files == 2);
    m.restore();
    CHECK(m.same());
  }
}

TEST_CASE("changing folders: one_file_system means that of the source after it was entered, and enters no other one") {
  for (const auto& [name, files] : {std::pair{"source", 2u}, std::pair{"folder", 1u}}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.mounts = name;
    m.write("f", m.noise(3000, 1));
    m.write("folder/f", m.noise(3000, 2));
    m.job.scan.one_file_system = true;
    CHECK(backup(m, tree).progress.files == files);
  }
}
