#include "vault/segment.hpp"

#include "unit/vault/vault_world.hpp"
#include "vault/checksum.hpp"
#include "vault/small_object.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

SegmentHeader header() {
  SegmentHeader h;
  h.account.bytes.fill(1);
  h.agent.bytes.fill(2);
  h.number = 0x1234;
  h.content = SegmentContent::data;
  return h;
}

struct Written {
  Buffer bytes;
  std::vector<Buffer> records;
  std::vector<std::size_t> edges;  // where frames begin, and the footer
};

Written small_segment() {
  Written w;
  w.records = {envelope(), chunk(1, 10), record(ObjectType::data, {Made{object(2), {}}, Made{object(3), {}}}, 30), chunk(4, 60)};
  auto framed = frame_records(join(w.records));
  REQUIRE(ok(framed));
  SegmentFooter footer;
  w.bytes = encode(header());
  for (const auto& item : framed->items) {
    w.edges.push_back(w.bytes.size() + item.frame);
    footer.add(static_cast<std::uint32_t>(w.edges.back()), item.record, {item.record.ids().size() == 1, true});
  }
  append(w.bytes, framed->bytes);
  w.edges.push_back(w.bytes.size());
  append(w.bytes, std::move(footer).finish(w.bytes.size()));
  return w;
}

std::vector<SegmentEntry> footer_of(ByteView segment) {
  auto trailer = parse_segment_trailer(segment.last(kSegmentTrailer), segment.size());
  REQUIRE(ok(trailer));
  auto entries = parse_footer(segment.subspan(trailer->footer_offset), *trailer);
  REQUIRE(ok(entries));
  return *entries;
}

}  // namespace

TEST_CASE("segment: footer and frames say the same, in the format of the page") {
  Written w = small_segment();
  CHECK(ok(check_segment(w.bytes, header())));
  auto entries = footer_of(w.bytes);
  REQUIRE(entries.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(entries[i].offset == w.edges[i]);
    auto bytes = open_frame(ByteView{w.bytes}.subspan(entries[i].offset));
    REQUIRE(ok(bytes));
    CHECK(to_buffer(*bytes) == w.records[i]);
  }
  CHECK(entries[2].ids.size() == 2);
  CHECK(entries[2].ids[1] == object(3));
  CHECK(entries[3].type == ObjectType::data);
  CHECK(entries[1].counts_over(0));
  CHECK_FALSE(entries[2].counts_over(0));
  CHECK(entries[2].counts_over(1));
  CHECK_FALSE(entries[2].counts_over(2));
  // LOCKING.md §2, byte for byte where it matters most.
  CHECK(w.bytes[4] == 2);
  CHECK(w.bytes[56] == 1);
  CHECK(w.bytes[w.bytes.size() - 48 + 12] == 2);
  CHECK(as_text(ByteView{w.bytes}.first(4)) == "FKS1");
  CHECK(w.edges[0] == 96);
  CHECK(as_text(ByteView{w.bytes}.last(48).first(4)) == "FKSE");
  Reader frame{ByteView{w.bytes}.subspan(96)};
  CHECK(frame.number<std::uint32_t>() == w.records[0].size());
  CHECK(Checksum::read(frame) == checksum_of(w.records[0]));
}

TEST_CASE("segment: what does not belong to its content is found") {
  Written w = small_segment();
  Buffer nodes = w.bytes;
  nodes[56] = 2;
  Buffer sum;
  Writer to{sum};
  checksum_of(ByteView{nodes}.first(80)).write(to);
  std::copy(sum.begin(), sum.end(), nodes.begin() + 80);
  CHECK(parse_segment_header(nodes)->content == SegmentContent::nodes);
  CHECK_FALSE(ok(check_segment(nodes, header())));
}

TEST_CASE("segment: a footer of a later version is told apart from a damaged one") {
  Written w = small_segment();
  std::size_t const footer_at = w.edges.back();
  Buffer later(w.bytes.begin() + static_cast<std::ptrdiff_t>(footer_at), w.bytes.end());
  later[later.size() - 48 + 12] = 3;
  Buffer sum;
  Writer to{sum};
  checksum_of(ByteView{later}.first(later.size() - 16)).write(to);
  std::copy(sum.begin(), sum.end(), later.end() - 16);
  auto trailer = parse_segment_trailer(ByteView{later}.last(kSegmentTrailer), w.bytes.size());
  REQUIRE(ok(trailer));
  CHECK(classify(parse_footer(later, *trailer).error()) == Errc::unsupported_version);
  later[later.size() - 48 + 12] = 4;  // not what the checksum says
  trailer = parse_segment_trailer(ByteView{later}.last(kSegmentTrailer), w.bytes.size());
  CHECK(classify(parse_footer(later, *trailer).error()) == Errc::damaged);
}

TEST_CASE("segment: a flipped bit in any byte is found") {
  Written w = small_segment();
  for (std::size_t i = 0; i < w.bytes.size(); ++i) {
    for (int bit : {0, 7}) {
      Buffer bad = w.bytes;
      bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1u << bit));
      INFO("byte " << i);
      REQUIRE_FALSE(ok(check_segment(bad, header())));
    }
  }
}

TEST_CASE("segment: one that ends early still gives the records before the end") {
  Written w = small_segment();
  for (std::size_t size = 0; size <= w.bytes.size(); ++size) {
    ByteView cut = ByteView{w.bytes}.first(size);
    std::size_t whole = 0;
    while (whole < 4 && w.edges[whole + 1] <= size) ++whole;
    auto entries = walk_segment(cut);
    REQUIRE(entries.size() == whole);
    if (size < w.bytes.size()) REQUIRE_FALSE(ok(check_segment(cut, header())));
  }
}

TEST_CASE("segment: another vault's or another number's is not taken for ours") {
  Written w = small_segment();
  SegmentHeader other = header();
  other.number = 1;
  CHECK_FALSE(ok(check_segment(w.bytes, other)));
  other = header();
  other.agent.bytes.fill(9);
  CHECK_FALSE(ok(check_segment(w.bytes, other)));
}

TEST_CASE("segment: hostile trailers and footers are refused without reading beyond") {
  Written w = small_segment();
  for (std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{95}, std::uint64_t{w.bytes.size()}, ~std::uint64_t{0}}) {
    Buffer bad = w.bytes;
    for (std::size_t i = 0; i < 8; ++i) bad[bad.size() - 32 + i] = static_cast<std::uint8_t>(offset >> (8 * i));
    CHECK_FALSE(ok(parse_segment_trailer(ByteView{bad}.last(kSegmentTrailer), bad.size())));
  }
  CHECK_FALSE(ok(parse_segment_trailer({}, 0)));
  CHECK_FALSE(ok(parse_segment_trailer(ByteView{w.bytes}.last(kSegmentTrailer), 100)));
  CHECK_FALSE(ok(parse_segment_header({})));
  CHECK_FALSE(ok(open_frame({})));
  Buffer frame(20, 0xff);  // a length of 4 GiB
  CHECK_FALSE(ok(open_frame(frame)));
}

TEST_CASE("segment: a large record that came alone stays where it lies, and reads like any other") {
  for (std::size_t sealed : {100u, 300000u}) {
    Buffer body = chunk(1, sealed);
    const Buffer copy = body;
    const std::uint8_t* where = body.data();
    auto framed = frame_records(std::move(body));
    REQUIRE(ok(framed));
    REQUIRE(framed->items.size() == 1);
    CHECK((framed->bytes.data() == where) == (sealed > 1000));
    CHECK(framed->items[0].frame == 0);
    CHECK(to_buffer(framed->items[0].record.bytes()) == copy);
    Buffer bytes = encode(header());
    SegmentFooter footer;
    footer.add(kSegmentHeader, framed->items[0].record, {true});
    append(bytes, framed->head);
    append(bytes, framed->bytes);
    append(bytes, std::move(footer).finish(bytes.size()));
    CHECK(ok(check_segment(bytes, header())));
  }
}

TEST_CASE("segment: a body that is not whole records is refused") {
  Buffer good = chunk(1, 10);
  CHECK(ok(frame_records(good)));
  CHECK(frame_records({})->items.empty());
  Buffer cut(good.begin(), good.end() - 1);
  CHECK_FALSE(ok(frame_records(cut)));
  Buffer more = good;
  more.push_back(0);
  CHECK_FALSE(ok(frame_records(more)));
  Buffer lying = envelope();
  lying[kRecordFixed] = static_cast<std::uint8_t>(lying[kRecordFixed] ^ 1);  // an envelope under another id
  auto r = frame_records(lying);
  REQUIRE_FALSE(ok(r));
  CHECK(classify(r.error()) == Errc::id_mismatch);
}

TEST_CASE("small objects: they come back as they were, and a flipped bit or a cut is found") {
  CommitObject c;
  c.sequence = 7;
  c.digest.bytes.fill(1);
  c.previous.bytes.fill(2);
  c.root = object(3);
  c.session = session(4);
  c.manifest = Buffer(50, 5);
  c.receipt = Buffer(20, 6);
  Buffer bytes = encode(c);
  auto back = parse_commit_object(bytes);
  REQUIRE(ok(back));
  CHECK(back->sequence == 7);
  CHECK(back->digest == c.digest);
  CHECK(back->previous == c.previous);
  CHECK(back->root == c.root);
  CHECK(back->session == c.session);
  CHECK(back->manifest == c.manifest);
  CHECK(back->receipt == c.receipt);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Buffer bad = bytes;
    bad[i] ^= 0x40;
    CHECK_FALSE(ok(parse_commit_object(bad)));
    CHECK_FALSE(ok(parse_commit_object(ByteView{bytes}.first(i))));
  }
  CHECK(*parse_slot(encode_slot(Buffer(9, 9))) == Buffer(9, 9));
  for (const bool protects : {false, true}) {
    PartnerObject partner;
    partner.receipt = Buffer(8, 8);
    partner.protects = protects;
    CHECK(parse_partner_object(encode(partner))->receipt == Buffer(8, 8));
    CHECK(parse_partner_object(encode(partner))->protects == protects);
    CHECK_FALSE(ok(parse_slot(encode(partner))));  // kinds do not mix
  }
}
