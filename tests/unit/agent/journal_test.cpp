#include "agent/journal.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/limits.hpp"
#include "sim/sim_disk.hpp"

using namespace farkeep;

namespace {

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
