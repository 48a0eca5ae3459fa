#include <catch2/catch.hpp>
#include <cerrno>

#include "base/clock.hpp"
#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

using namespace farkeep;

TEST_CASE("codec: a read beyond the end gives zero and stays not ok") {
  Buffer b{1, 2, 3};
  Reader r{b};
  CHECK(r.number<std::uint16_t>() == 0x0201);
  CHECK(r.number<std::uint32_t>() == 0);
  CHECK_FALSE(r.ok());
  CHECK(r.number<std::uint8_t>() == 0);
  CHECK_FALSE(r.done());
}

TEST_CASE("codec: numbers are little-endian and come back") {
  Buffer b;
  Writer w{b};
  w.number<std::uint8_t>(0xfe);
  w.number<std::uint32_t>(0x01020304);
  w.number<std::uint64_t>(~0ull - 5);
  CHECK(hex(b) == "fe04030201faffffffffffffff");
  Reader r{b};
  CHECK(r.number<std::uint8_t>() == 0xfe);
  CHECK(r.number<std::uint32_t>() == 0x01020304);
  CHECK(r.number<std::uint64_t>() == ~0ull - 5);
  CHECK(r.done());
}

TEST_CASE("hex: odd length and foreign digits are refused") {
  CHECK_FALSE(unhex("abc"));
  CHECK_FALSE(unhex("zz"));
  CHECK(unhex("00FFa5") == Buffer{0, 255, 0xa5});
}

TEST_CASE("base32: RFC 4648 vectors, blanks and case forgiven, left-over bits refused") {
  CHECK(base32(as_bytes("foobar")) == "MZXW6YTBOI");
  CHECK(base32(as_bytes("f")) == "MY");
  CHECK(unbase32("mzxw-6YTB oi") == to_buffer(as_bytes("foobar")));
  CHECK_FALSE(unbase32("MZ1"));
  CHECK_FALSE(unbase32("MZ"));  // set bits beyond the last byte
  CHECK_FALSE(unbase32("MYA"));  // a digit that carries nothing
}

TEST_CASE("id: wrong length is nothing") {
  CHECK_FALSE(AgentId::from(as_bytes("short")));
  CHECK_FALSE(AgentId::from_hex(std::string(31, '0')));
  auto id = AgentId::from_hex("000102030405060708090a0b0c0d0e0f");
  REQUIRE(id);
  CHECK(id->brief() == "00010203");
  CHECK_FALSE(id->is_zero());
}

TEST_CASE("error: a full disk is no_space and temporary, a wrong identity is neither and exits with 5") {
  try {
    throw_errno(ENOSPC, "writing segment 7");
  } catch (const failure& f) {
    CHECK(f.code() == make_error_code(Errc::no_space));
    CHECK(is_temporary(f.code()));
    CHECK(std::string(f.what()).find("writing segment 7") != std::string::npos);
  }
  CHECK_FALSE(is_temporary(make_error_code(Errc::identity)));
  CHECK(exit_code(make_error_code(Errc::identity)) == Exit::refused);
  CHECK(exit_code(boost::system::error_code(ECONNREFUSED, boost::system::system_category())) == Exit::unreachable);
}

TEST_CASE("error: what a disk behind a network says is taken for no connection of ours, and for no wish to stop") {
  for (int const error : {EIO, ESTALE, EREMOTEIO, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN, ECONNRESET, ECONNREFUSED, ECONNABORTED, ENOTCONN, EPIPE, ESHUTDOWN, EADDRNOTAVAIL, ECANCELED}) {
    INFO(error);
    try {
      throw_errno(error, "reading file 'f'");
    } catch (const failure& f) {
      CHECK(classify(f.code()) == Errc::io);
      CHECK_FALSE(is_temporary(f.code()));
      CHECK(exit_code(f.code()) == Exit::failed);
      CHECK(f.what() == "reading file 'f': " + boost::system::system_category().message(error));
    }
  }
}

TEST_CASE("clock: RFC 3339 before 1970 and on a leap day") {
  CHECK(rfc3339(from_unix_seconds(-1)) == "1969-12-31T23:59:59Z");
  CHECK(rfc3339(from_unix_seconds(1709164800)) == "2024-02-29T00:00:00Z");
}

TEST_CASE("clock: RFC 3339 of seconds in any year, as <chrono> has it where it reaches") {
  CHECK(rfc3339_of(15'032'385'535) == "2446-05-10T22:38:55Z");
  CHECK(rfc3339_of(-99'999'999'999) == "-1199-02-15T14:13:21Z");
  CHECK(rfc3339_of(253'402'300'799) == "9999-12-31T23:59:59Z");
  CHECK(rfc3339_of(253'402'300'800) == "+10000-01-01T00:00:00Z");
  CHECK(rfc3339_of(-62'167'219'200) == "0000-01-01T00:00:00Z");
  CHECK(rfc3339_of(-62'167'219'201) == "-0001-12-31T23:59:59Z");
  CHECK(rfc3339_of(INT64_MAX).ends_with("-12-04T15:30:07Z"));
  CHECK(rfc3339_of(INT64_MIN).ends_with("-01-27T08:29:52Z"));
  for (std::int64_t s = -9'223'372'036; s < 9'223'372'036; s += 12'345'677) CHECK(rfc3339_of(s) == rfc3339(WallTime{std::chrono::seconds(s)}));
}

TEST_CASE("error: a failure says once what is wrong, however often it is passed on") {
  const failure inner(Errc::busy, "opening the vault");
  CHECK(std::string(inner.what()) == "opening the vault: busy, try again later");
  CHECK(std::string(failure(inner.code(), inner.what()).what()) == inner.what());
  CHECK(std::string(failure(inner.code(), "the server says \"" + std::string(inner.what()) + "\"").what()) == "the server says \"opening the vault: busy, try again later\"");
}
