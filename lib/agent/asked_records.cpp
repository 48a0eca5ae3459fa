#include "agent/asked_records.hpp"

#include <algorithm>
#include <utility>

#include "archive/record.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

// Session, nonce and first id, which stand one after the other: no two records that we made have all of them in common.
constexpr std::size_t kNameAt = 16, kNameSize = 16 + 24 + ObjectId::kSize;
constexpr unsigned kMostAlike = 4;  // the record and the spares that a server keeps of it

}  // namespace

void AskedRecords::got(ByteView records) {
  const auto views = value_or_throw(split_records(records), "reading records from " + server_);
  for (const RecordView& record : views) {
    const auto held = record.ids();
    if (std::none_of(held.begin(), held.end(), [&](const ObjectId& id) { return ids_.contains(id); })) refuse("a record that was not asked for");
    if (++seen_[to_string(record.header().subspan(kNameAt, kNameSize))] > kMostAlike) refuse("a record again and again");
    if (++records_ > ids_.size()) refuse("more records than objects were asked for");
  }
}

void AskedRecords::lacks(const std::vector<ObjectId>& ids) {
  for (auto& id : ids) {
    if (!ids_.contains(id)) refuse("as missing an object that was not asked for");
    if (!missing_.insert(id).second) refuse("an object as missing twice");
  }
}

void AskedRecords::nothing() {
  if (std::exchange(had_nothing_, true)) refuse("pieces of an answer that hold nothing");
}

void AskedRecords::refuse(const char* what) const { throw failure(Errc::protocol, "reading from " + server_ + ": it sent " + what); }

}  // namespace farkeep
