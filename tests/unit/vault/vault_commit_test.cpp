#include "unit/vault/vault_world.hpp"
#include "vault/receipt_facts.hpp"
#include "wire/wire.pb.h"

using namespace farkeep;
using namespace farkeep::test;

namespace {

// The order of get() is that of the disk, that of missing ids is ascending.
std::vector<ObjectId> sorted(std::vector<ObjectId> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

TEST_CASE("commit: a whole snapshot gets a receipt and becomes the head") {
  World w;
  w.open();
  SmallSnapshot s{100, 1, Digest{}};
  w.put_later({envelope()});
  for (const Buffer& r : s.records) w.put_later({r});
  CHECK(w.vault->head().sequence == 0);
  auto outcome = w.commit(s.manifest);  // makes durable what came before it
  REQUIRE(outcome.receipt);
  CHECK(as_text(*outcome.receipt) == "receipt 1 #1");
  w.settle();
  for (auto& r : w.put_results) CHECK(r == Errc{});
  CHECK(w.vault->head().sequence == 1);
  CHECK(w.vault->head().digest == s.manifest.digest());
  w.reopen();
  CHECK(w.vault->head().digest == s.manifest.digest());
  auto rows = w.run(w.vault->snapshots(0, 10));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].manifest == s.manifest.bytes());
  CHECK(as_text(rows[0].receipt) == "receipt 1 #1");
  CHECK(rows[0].partner_receipt.empty());
}

TEST_CASE("commit: what is missing is listed, exactly, and nothing is committed") {
  World w;
  w.open();
  SmallSnapshot s{100, 1, Digest{}};
  auto missing_after = [&](std::vector<std::size_t> left_out, bool with_envelope) {
    World v;
    v.open();
    std::vector<Buffer> records;
    // Without its own envelope, the snapshot's records belong to another session.
    v.put({envelope(session(2)), envelope(session(1))});
    for (std::size_t i = 0; i < s.records.size(); ++i)
      if (std::find(left_out.begin(), left_out.end(), i) == left_out.end()) records.push_back(s.records[i]);
    v.put(records);
    FakeManifest m = s.manifest;
    if (!with_envelope) m.session_id = session(3);
    auto outcome = v.commit(m);
    CHECK_FALSE(outcome.receipt);
    CHECK_FALSE(outcome.more_missing);
    CHECK(v.vault->head().sequence == 0);
    CHECK(v.run(v.vault->snapshots(0, 10)).empty());
    return outcome.missing;
  };
  // Records: chunks 110, 111, 112, leaf 101, root 100.
  CHECK(missing_after({1}, true) == std::vector<ObjectId>{object(111)});
  CHECK(missing_after({0, 2}, true) == sorted({object(110), object(112)}));
  CHECK(missing_after({3}, true) == std::vector<ObjectId>{object(101)});
  CHECK(missing_after({4}, true) == std::vector<ObjectId>{object(100)});
  CHECK(missing_after({0, 4}, false) == sorted({object(100), envelope_id(session(3))}));
  CHECK(missing_after({}, false) == std::vector<ObjectId>{envelope_id(session(3))});
}

TEST_CASE("commit: after the missing came, the same bytes are accepted") {
  World w;
  w.open();
  SmallSnapshot s{100, 1, Digest{}};
  w.put({envelope(), s.records[0], s.records[3], s.records[4]});
  auto outcome = w.commit(s.manifest);
  CHECK(outcome.missing == sorted({object(111), object(112)}));
  w.put({s.records[1], s.records[2]});
  CHECK(w.commit(s.manifest).receipt);
}

TEST_CASE("commit: more missing than fit in an answer") {
  World w;
  w.open();
  std::vector<std::uint64_t> refs;
  for (std::uint64_t i = 0; i < 20000; ++i) refs.push_back(1000 + i);
  w.put({envelope(), node(1, refs)});
  FakeManifest m;
  m.root = object(1);
  auto outcome = w.commit(m);
  CHECK(outcome.missing.size() == limits::kIdsPerQuestion);
  CHECK(outcome.more_missing);
}

TEST_CASE("commit: again, by anybody, gives the first receipt") {
  World w;
  w.open();
  SmallSnapshot s{100, 1, Digest{}};
  w.put({envelope()});
  w.put(s.records);
  auto first = w.commit(s.manifest).receipt;
  CHECK(w.commit(s.manifest).receipt == first);
  CHECK(w.commit(s.manifest, true).receipt == first);
  w.reopen();
  CHECK(w.commit(s.manifest).receipt == first);
  CHECK(w.receipts.made == 1);
}

TEST_CASE("commit: another manifest with a number that is taken is a fork") {
  World w;
  w.open();
  SmallSnapshot s{100, 1, Digest{}};
  w.put({envelope()});
  w.put(s.records);
  w.commit(s.manifest);
  FakeManifest other = s.manifest;
  other.salt = 1;
  CHECK(w.commit_error(other) == Errc::fork);
  CHECK(w.commit_error(other, true) == Errc::fork);
  CHECK(w.vault->head().digest == s.manifest.digest());
}

TEST_CASE("commit: what does not follow its predecessor, or is not what its successor follows, is a fork") {
  World w;
  w.open();
  w.put({envelope()});
  SmallSnapshot one{100, 1, Digest{}}, two{200, 2, one.manifest.digest()}, stranger{300, 2, two.manifest.digest()};
  w.put(one.records);
  w.put(two.records);
  w.put(stranger.records);
  CHECK(w.commit(one.manifest).receipt);
  CHECK(w.commit_error(stranger.manifest) == Errc::fork);
  CHECK(w.commit(two.manifest).receipt);

  World v;
  v.open();
  v.put({envelope()});
  v.put(one.records);
  v.put(two.records);
  v.put(stranger.records);
  CHECK(v.commit(two.manifest).receipt);  // the pair was split: the predecessor is not known here
  FakeManifest wrong_first = one.manifest;
  wrong_first.salt = 7;
  CHECK(v.commit_error(wrong_first, true) == Errc::fork);
  CHECK(v.commit_error(one.manifest) == Errc::rollback);  // below the head: from the mirror only
  CHECK(v.commit(one.manifest, true).receipt);
  CHECK(v.vault->head().sequence == 2);
  CHECK(v.vault->set_digest() == w.vault->set_digest());
}

TEST_CASE("commit: impossible numbers, another agent's, unsigned, and a root that is no node") {
  World w;
  w.open();
  w.put({envelope()});
  SmallSnapshot s{100, 1, Digest{}};
  w.put(s.records);
  FakeManifest m = s.manifest;
  m.sequence = 0;
  CHECK(w.commit_error(m) == Errc::malformed);
  m = s.manifest;
  m.previous.bytes.fill(1);
  CHECK(w.commit_error(m) == Errc::malformed);
  m = s.manifest;
  m.root = object(110);
  CHECK(w.commit_error(m) == Errc::malformed);
  CHECK(w.error_of(w.vault->commit(Buffer(5, 5), w.judge, w.receipts, false)) == Errc::identity);
  CHECK(w.error_of(w.vault->commit(Buffer(limits::kMaxManifest + 1), w.judge, w.receipts, false)) == Errc::too_large);
  w.judge.agent.bytes.fill(9);
  CHECK(w.commit_error(s.manifest) == Errc::unauthorised);
  CHECK(w.vault->head().sequence == 0);
}

TEST_CASE("commit: the digest of the set is that of the protocol page, and tells sets apart") {
  World w;
  w.open();
  CHECK(w.vault->set_digest() == sha256({}));
  w.put({envelope()});
  SmallSnapshot one{100, 1, Digest{}}, two{200, 2, one.manifest.digest()};
  w.put(one.records);
  w.put(two.records);
  w.commit(one.manifest);
  w.commit(two.manifest);
  Buffer expected;
  Writer e{expected};
  e.number(std::uint64_t{1});
  e.raw(one.manifest.digest().view());
  e.number(std::uint64_t{2});
  e.raw(two.manifest.digest().view());
  CHECK(w.vault->set_digest() == sha256(expected));
}

namespace {

/// A vault with snapshots 1 to 5.
struct WithFive : World {
  WithFive() {
    open();
    put({envelope()});
    Digest previous;
    for (std::uint64_t i = 1; i <= 5; ++i) {
      SmallSnapshot s{100 * i, i, previous};
      put(s.records);
      REQUIRE(commit(s.manifest).receipt);
      previous = s.manifest.digest();
    }
  }
};

}  // namespace

TEST_CASE("commit: snapshots come in pages, with the partner's receipt once it is here") {
  WithFive w;
  w.protect(3);
  CHECK(w.error_of(w.vault->note_pushed(6, w.partner_receipt(3), true)) == Errc::not_found);
  CHECK(w.error_of(w.vault->note_pushed(4, w.partner_receipt(3), true)) == Errc::identity);
  CHECK(w.error_of(w.vault->note_pushed(4, Buffer(4, 4), true)) == Errc::malformed);
  CHECK_FALSE(w.vault->is_protected(4));
  auto page = w.run(w.vault->snapshots(1, 3));
  REQUIRE(page.size() == 3);
  CHECK(page[0].sequence == 2);
  CHECK(page[1].partner_receipt == w.partner_receipt(3));
  CHECK(page[2].sequence == 4);
  CHECK(w.run(w.vault->snapshots(5, 3)).empty());
  // That of a partner that was replaced does not stay.
  w.protect(3, 'b');
  auto const rows = w.run(w.vault->snapshots(2, 1));
  REQUIRE(rows.size() == 1);
  CHECK(rows.front().partner_receipt == w.partner_receipt(3, 'b'));
  w.reopen();
  CHECK(w.vault->is_protected(3));
  w.reopen();
  CHECK(w.vault->is_protected(3));
}

TEST_CASE("commit: a snapshot is protected when both servers have pushed it, in whatever order, also across restarts") {
  using There = Vault::PushedThere;
  WithFive w;
  const auto pushed = [&](std::uint64_t n, bool there_too) { w.run(w.vault->note_pushed(n, w.partner_receipt(n), there_too)); };
  const auto came = [&](std::uint64_t n, std::int64_t time) { return w.run(w.vault->note_came(n, w.partner_receipt(n, 'a', time))); };
  auto const partner = ServerId::from(std::string(ServerId::kSize, 'a')).value();

  pushed(1, false);
  CHECK(w.vault->is_pushed(1, partner));
  CHECK_FALSE(w.vault->is_protected(1));
  CHECK(w.run(w.vault->snapshots(0, 1))[0].partner_receipt.empty());  // no agent takes it for protected
  w.reopen();
  CHECK(w.vault->is_pushed(1, partner));
  CHECK_FALSE(w.vault->is_pushed(2, partner));
  CHECK(came(1, 0) == There::yes);
  CHECK(w.vault->is_protected(1));

  CHECK(came(2, 0) == There::no);
  CHECK_FALSE(w.vault->is_protected(2));
  pushed(2, false);
  CHECK(w.vault->is_protected(2));

  pushed(3, true);
  CHECK(w.vault->is_protected(3));

  CHECK(came(4, 0) == There::no);
  w.reopen();
  pushed(4, false);
  CHECK_FALSE(w.vault->is_protected(4));  // it is pushed once more, and the answer says the rest
  pushed(4, true);
  CHECK(w.vault->is_protected(4));

  CHECK(w.run(w.vault->note_came(9, w.partner_receipt(1))) == There::no);
  CHECK_FALSE(w.vault->all_protected());
  w.reopen();
  for (std::uint64_t n = 1; n <= 5; ++n) CHECK(w.vault->is_protected(n) == (n != 5));

  // A receipt of another time: the partner has lost what it had, and was given it anew by somebody.
  CHECK(came(3, 77) == There::to_another_store);
  CHECK_FALSE(w.vault->is_protected(3));
  CHECK(w.vault->is_pushed(3, partner));
  w.run(w.vault->note_pushed(3, w.partner_receipt(3, 'a', 77), false));
  CHECK(w.vault->is_protected(3));
  w.reopen();
  CHECK(w.vault->has_partner_receipt(3, receipt_facts(w.partner_receipt(3, 'a', 77))->mark));
  CHECK(w.vault->is_protected(3));
  // One that replaced the partner.
  CHECK(w.run(w.vault->note_came(3, w.partner_receipt(3, 'b'))) == There::no);
}

TEST_CASE("commit: two sessions commit at once, one after the other, and one of them wins") {
  World w;
  w.open();
  w.put({envelope()});
  SmallSnapshot a{100, 1, Digest{}}, b{200, 1, Digest{}};
  w.put(a.records);
  w.put(b.records);
  int receipts = 0, forks = 0;
  for (const FakeManifest& m : {a.manifest, b.manifest, a.manifest}) {
    asio::co_spawn(w.io, w.vault->commit(m.bytes(), w.judge, w.receipts, false), [&](const std::exception_ptr& e, CommitOutcome o) {
      receipts += o.receipt.has_value();
      if (e) forks += World::code_of(e) == Errc::fork;
    });
  }
  sim::run_until(w.io, w.timers, [&] { return receipts + forks == 3; });
  CHECK(receipts == 2);
  CHECK(forks == 1);
  CHECK(w.receipts.made == 1);
}

TEST_CASE("commit: what is missing is looked for once, unless the partner sent another catalog") {
  World w;
  w.settings.segment_target = 8 << 20;
  w.open();
  constexpr std::size_t kSize = 1'000'000;
  w.put({envelope(), record(ObjectType::node, {Made{object(2), {object(5)}}}, kSize), node(1, {2})});
  FakeManifest m;
  m.root = object(1);
  auto const read = [&] {
    auto const before = w.disk.bytes_read();
    CHECK(w.commit(m).missing == std::vector<ObjectId>{object(5)});
    return w.disk.bytes_read() - before;
  };
  CHECK(read() < 2 * kSize);
  w.run(w.vault->put(record(ObjectType::node, {Made{object(1), {object(2)}}}, 40), Room{}, Vault::Haste::none, Vault::Origin::partner_further));
  CHECK(read() > 2 * kSize);
}

TEST_CASE("commit: nodes known complete are not read again, not even after a restart with the cache") {
  World w;
  w.open();
  w.put({envelope()});
  SmallSnapshot one{100, 1, Digest{}};
  w.put(one.records);
  REQUIRE(w.commit(one.manifest).receipt);
  // The old leaf rots on disk.  A second snapshot refers to it; whoever read it again would see that.
  const std::string file = "/store/v/" + w.account.hex() + "/" + w.agent.hex() + "/seg/0000000000000003.obj";
  auto const rot = [&] {
    Buffer bytes = w.disk.content(file);
    std::string_view all = as_text(bytes);
    auto at = all.find(as_text(one.records[3]));
    REQUIRE(at != std::string_view::npos);
    bytes[at + one.records[3].size() - 1] ^= 1;
    w.disk.set_content(file, bytes);
  };
  rot();
  w.put({node(201, {110}), node(200, {101, 201})});
  FakeManifest two;
  two.sequence = 2;
  two.previous = one.manifest.digest();
  two.root = object(200);
  CHECK(w.commit(two).receipt);

  w.reopen();
  w.put({node(300, {101, 201})});
  FakeManifest three;
  three.sequence = 3;
  three.previous = two.digest();
  three.root = object(300);
  CHECK(w.commit(three).receipt);

  w.close();
  w.disk.remove_tree("/cache");
  w.open();
  w.put({node(400, {101, 201})});
  FakeManifest four;
  four.sequence = 4;
  four.previous = three.digest();
  four.root = object(400);
  CHECK(w.commit(four).missing == std::vector<ObjectId>{object(101)});  // and that is how rot is noticed and healed
  CHECK_FALSE(w.has(object(101)));
  w.put({one.records[3]});
  CHECK(w.commit(four).receipt);
  CHECK(w.get({object(101)}).records == std::vector<Buffer>{one.records[3]});
}

TEST_CASE("commit: what a large one added to the index is written then, not at some later one's cost") {
  World w;
  w.settings.segment_target = 16 << 20;
  w.open();
  w.put({envelope()});
  auto const tables = [&] {
    auto const files = w.disk.files();
    return std::count_if(files.begin(), files.end(), [](const std::string& f) { return f.find("/table-") != std::string::npos; });
  };
  SmallSnapshot one{100, 1, Digest{}};
  w.put(one.records);
  REQUIRE(w.commit(one.manifest).receipt);
  w.settle();
  CHECK(tables() == 0);

  for (std::uint64_t batch = 0; batch < 9; ++batch) {
    std::vector<Made> objects;
    for (std::uint64_t n = 0; n < 1000; ++n) objects.push_back(Made{object(1000 * (batch + 1) + n), {}});
    w.put({record(ObjectType::data, objects)});
  }
  CHECK(tables() == 0);
  SmallSnapshot two{200, 2, one.manifest.digest()};
  w.put(two.records);
  REQUIRE(w.commit(two.manifest).receipt);
  w.settle();
  CHECK(tables() == 1);
  CHECK(w.has(object(1000)));
}
