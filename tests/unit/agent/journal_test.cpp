#include "agent/journal.hpp"

#include "sim/sim_disk.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

constexpr std::size_t kInLists = 48'000'000;  // about 750 chunks: more than an entry holds, so they stand in lists

Entry journal_entry(std::size_t n) {
  Entry e;
  e.path = fmt::format("folder/file {:06}", n);
  e.mode = 0644;
  e.user = e.group = "somebody";
  return e;
}

Entry of_chunks(std::size_t n, std::size_t chunks) {
  Entry e = journal_entry(n);
  for (std::size_t c = 0; c < chunks; ++c) {
    ChunkRef ref;
    ref.id.bytes.fill(static_cast<std::uint8_t>(n));
    ref.id.bytes[0] = static_cast<std::uint8_t>(c);
    ref.size = 60'000 + c;
    e.size += ref.size;
    e.chunks.push_back(ref);
  }
  return e;
}

Entry of_attributes(std::size_t n, std::size_t bytes) {
  Entry e = journal_entry(n);
  Xattr x;
  x.name = "user.comment";
  x.value.assign(bytes - x.name.size(), static_cast<std::uint8_t>(n));
  e.xattrs.push_back(std::move(x));
  return e;
}

// What the journal gives back of batches that were added one after the other.
std::vector<Entry> written_and_read(const std::vector<std::vector<Entry>>& batches) {
  sim::SimDisk disk;
  disk.make_folders("/job");
  JournalWriter writer(disk, "/job/journal");
  for (auto& batch : batches) writer.add(batch);
  std::vector<Entry> back;
  auto reader = JournalReader::open(disk, "/job/journal");
  for (auto some = reader->next(); !some.empty(); some = reader->next()) back.insert(back.end(), some.begin(), some.end());
  return back;
}

// A chunk that only a list refers to.
ObjectId chunk_of_a_list(const FakeVault::Store& store) {
  for (auto& [id, refs] : store.refs)
    if (refs.size() >= 64 && !store.nodes.contains(refs[10])) return refs[10];
  FAIL("there is no list");
  return {};
}

// The connection breaks when everything has been sent but the manifest.
struct BrokenAtCommit : Machine {
  struct Vault : FakeVault {
    using FakeVault::FakeVault;
    task<Commit> commit(Buffer) override {
      throw failure(Errc::disconnected, "fake connection");
      co_return Commit{};
    }
  };
  task<void> use(ServerTarget target, Work work) override {
    if (!breaks || target.name != "primary") {
      co_await Machine::use(std::move(target), std::move(work));
      co_return;
    }
    Vault vault(stores[0], id_of(0));
    co_await work(vault);
  }
  bool breaks = true;
};

void write_two_large(Machine& m) {
  for (unsigned i = 0; i < 5; ++i) m.write("f" + std::to_string(i), m.noise(50'000, i));
  m.write("large", m.noise(kInLists, 77));
  m.write("large too", m.noise(kInLists, 78));
  m.let_time_pass();
}

}  // namespace

TEST_CASE("journal: a batch of entries with very many references or attributes comes back whole, and so does what follows") {
  const std::pair<std::size_t, Entry (*)(std::size_t, std::size_t)> kinds[] = {{130, &of_chunks}, {512, &of_chunks}, {9'000, &of_attributes}, {limits::kMaxXattrBytes, &of_attributes}};
  for (auto& [many, make] : kinds) {
    INFO(many);
    std::vector<std::vector<Entry>> batches(3);
    std::vector<Entry> all;
    for (std::size_t n = 0; n < 516; ++n) {
      Entry e = n > 0 && n < 513 ? make(n, many) : journal_entry(n);
      REQUIRE(check_entry(e).has_value());
      batches[n == 0 ? 0 : n < 513 ? 1 : 2].push_back(e);
      all.push_back(std::move(e));
    }
    const std::vector<Entry> back = written_and_read(batches);
    CHECK(back.size() == all.size());
    CHECK((back == all));
  }
}

TEST_CASE("resume: the server has a large file's lists but lacks a chunk below one, the file is read again and no other") {
  BrokenAtCommit m;
  write_two_large(m);
  m.down[1] = true;
  CHECK_THROWS_AS(m.backup(), failure);
  m.breaks = false;
  m.stores[0].lose(chunk_of_a_list(m.stores[0]));

  const BackupResult r = m.backup();
  CHECK(r.sequence == 2);  // 1 was the manifest of the interrupted run; the first attempt of this one found what is missing
  CHECK(r.complete());
  CHECK(r.progress.bytes_read == kInLists);
  CHECK(r.progress.unchanged == 6);
  m.restore();
  CHECK(m.same());
}

TEST_CASE("repair: a server that lost a chunk below a large file's list gets it again, and no other file is read") {
  Machine m;
  write_two_large(m);
  m.backup();
  m.stores[0].lose(chunk_of_a_list(m.stores[0]));

  const BackupResult r = m.backup();
  CHECK(r.sequence == 3);  // 2 was refused: a server that has the last snapshot is believed to have all of it
  CHECK(r.complete());
  CHECK(r.progress.bytes_read == kInLists);
  m.restore();
  CHECK(m.same());
}
