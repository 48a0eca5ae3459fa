#include "archive/record.hpp"


#include "archive/envelope_record.hpp"
#include "crypto/envelope.hpp"
#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

// A node record of two nodes with one and two references; its sealed part is rubbish that no server looks at.
Buffer node_record() {
  CountingRandom random;
  RecordSealer sealer{session_key(), kSession, keys(), kAccount, kAgent, random};
  const std::vector<ObjectId> one{some_id(1)}, two{some_id(2), some_id(3)};
  const std::vector<NodePlain> nodes{{some_id(10), as_bytes("first"), one}, {some_id(11), as_bytes("second"), two}};
  return sealer.seal_nodes(nodes);
}

Errc refusal(const Buffer& record) {
  auto view = RecordView::parse(record);
  REQUIRE_FALSE(view);
  return static_cast<Errc>(view.error().value());
}

}  // namespace

TEST_CASE("padme: sizes by hand, and never more than an eighth") {
  CHECK(padme(0) == 0);
  CHECK(padme(1) == 1);
  CHECK(padme(9) == 10);
  CHECK(padme(1023) == 1024);
  CHECK(padme(1024) == 1024);
  CHECK(padme(1025) == 1088);
  CHECK(padme(1'000'000) == 1'015'808);
  for (std::size_t n = 2; n < 100'000; ++n) {
    const std::size_t p = padme(n);
    if (p < n || (p - n) * 8 > n + 7 || padme(p) != p || padme(n + 1) < p) FAIL(n);
  }
}

TEST_CASE("record: a view shows ids and references") {
  const Buffer bytes = node_record();
  auto view = RecordView::parse(bytes);
  REQUIRE(view);
  CHECK(view->type() == ObjectType::node);
  CHECK(view->session() == kSession);
  CHECK(view->size() == bytes.size());
  REQUIRE(view->ids().size() == 2);
  CHECK(view->id(1) == some_id(11));
  REQUIRE(view->refs().size() == 3);
  REQUIRE(view->refs(1).size() == 2);
  CHECK(view->refs(1)[1] == some_id(3));
  std::vector<std::size_t> counts;
  view->for_each_object([&](const ObjectId& id, std::span<const ObjectId> refs) {
    counts.push_back(refs.size());
    CHECK(id == view->id(counts.size() - 1));
  });
  CHECK(counts == std::vector<std::size_t>{1, 2});
}

TEST_CASE("record: the header alone can be read") {
  const Buffer bytes = node_record();
  auto prefix = parse_record_prefix(ByteView{bytes}.first(kRecordPrefix));
  REQUIRE(prefix);
  CHECK(prefix->size() == bytes.size());
  auto header = parse_record_header(ByteView{bytes}.first(prefix->header_size));
  REQUIRE(header);
  CHECK(header->ids == std::vector<ObjectId>{some_id(10), some_id(11)});
  CHECK(header->refs_of == std::vector<std::uint32_t>{1, 2});
  CHECK(header->refs.size() == 3);
  CHECK(header->header_size + header->sealed_size == bytes.size());
  CHECK_FALSE(parse_record_header(ByteView{bytes}.first(prefix->header_size - 1)));
}

TEST_CASE("record: every truncation is refused") {
  const Buffer bytes = node_record();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    INFO(n);
    CHECK(refusal(Buffer(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n))) == Errc::malformed);
  }
}

TEST_CASE("record: what a header may not say") {
  Buffer r = node_record();
  SECTION("another magic") {
    r[3] = '2';
    CHECK(refusal(r) == Errc::malformed);
  }
  SECTION("another suite") {
    r[4] = 2;
    CHECK(refusal(r) == Errc::unsupported_version);
  }
  SECTION("an unknown type") {
    r[5] = 4;
    CHECK(refusal(r) == Errc::unsupported_version);
    r[5] = 0;
    CHECK(refusal(r) == Errc::unsupported_version);
  }
  SECTION("no objects") {
    r[6] = 0;
    CHECK(refusal(r) == Errc::malformed);
  }
  SECTION("too many objects") {
    r[7] = 0x40, r[6] = 1;
    CHECK(refusal(r) == Errc::too_large);
  }
  SECTION("too many references") {
    r[10] = 1;
    CHECK(refusal(r) == Errc::too_large);
  }
  SECTION("a sealed part beyond the largest record") {
    r[15] = 0xff;
    CHECK(refusal(r) == Errc::too_large);
    r[15] = 0, r[14] = 0x40;  // 4 MiB exactly: too large together with the header
    CHECK(refusal(r) == Errc::too_large);
  }
  SECTION("chunks with references") {
    r[5] = 1;
    CHECK(refusal(r) == Errc::malformed);
  }
  SECTION("reference counts that do not add up") {
    r[kRecordFixed + 2 * 32] = 2;
    CHECK(refusal(r) == Errc::malformed);
  }
  SECTION("reference counts that add up only modulo 2^32") {
    for (std::size_t i = 0; i < 4; ++i) r[kRecordFixed + 2 * 32 + i] = 0xff;
    r[kRecordFixed + 2 * 32 + 4] = 4;
    CHECK(refusal(r) == Errc::malformed);
  }
}

TEST_CASE("record: several one after the other, and nothing behind them") {
  const Buffer one = node_record();
  Buffer all = one;
  append(all, one);
  auto records = split_records(all);
  REQUIRE(records);
  REQUIRE(records->size() == 2);
  CHECK((*records)[1].bytes().data() == all.data() + one.size());
  all.push_back(0);
  CHECK_FALSE(split_records(all));
  CHECK(split_records({})->empty());
}

TEST_CASE("envelope record: made, and read without a key") {
  CountingRandom random;
  const Buffer envelope = seal_envelope(session_key(), kSession, keys().wrap_key(), random);
  Buffer bytes = make_envelope_record(kSession, envelope);
  auto view = RecordView::parse(bytes);
  REQUIRE(view);
  CHECK(view->type() == ObjectType::envelope);
  CHECK(view->id(0) == envelope_id(kSession));
  auto inside = envelope_of(*view);
  REQUIRE(inside);
  CHECK(equal(*inside, envelope));
  CHECK(open_envelope(*inside, view->session(), keys().wrap_key()));

  SECTION("another session's id is refused") {
    bytes[16] ^= 1;
    CHECK(envelope_of(*RecordView::parse(bytes)).error() == Errc::id_mismatch);
  }
  SECTION("a nonce is refused") {
    bytes[40] = 1;
    CHECK(RecordView::parse(bytes).error() == Errc::malformed);
  }
  SECTION("it is no record to be opened with a session key") {
    RecordOpener opener{session_key(), keys(), kAccount, kAgent};
    CHECK(opener.open(bytes).error() == Errc::malformed);
  }
  SECTION("a node record is no envelope") {
    const Buffer node = node_record();
    CHECK(envelope_of(*RecordView::parse(node)).error() == Errc::malformed);
  }
  SECTION("an envelope larger than any is refused") {
    bytes.resize(bytes.size() + 100);
    bytes[12] = static_cast<std::uint8_t>(bytes[12] + 100);
    CHECK(envelope_of(*RecordView::parse(bytes)).error() == Errc::malformed);
  }
}
