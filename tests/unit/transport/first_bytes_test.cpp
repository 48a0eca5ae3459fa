#include "transport/first_bytes.hpp"

#include <catch2/catch.hpp>

namespace farkeep {
namespace {

std::string kind(std::string_view bytes) { return not_tls(as_bytes(bytes)).value_or("TLS"); }

TEST_CASE("first bytes: TLS, or too little to tell") {
  CHECK(kind("") == "TLS");
  CHECK(kind("\x16") == "TLS");
  CHECK(kind("\x16\x03\x01\x02") == "TLS");
  CHECK(kind("\x15\x03\x03") == "TLS");
}

TEST_CASE("first bytes: what is not TLS is named and quoted") {
  using Catch::Contains;
  CHECK(kind("HTTP/1.1 400 Bad Request\r\nServer: x\r\n") == "an HTTP server or proxy: \"HTTP/1.1 400 Bad Request\"");
  CHECK_THAT(kind("<html><head>"), Contains("web page") && Contains("<html>"));
  CHECK_THAT(kind("SSH-2.0-OpenSSH_9.2p1\r\n"), Contains("SSH server"));
  CHECK_THAT(kind("PROXY TCP4 192.168.0.1 10.0.0.1 5 16384\r\n"), Contains("PROXY protocol"));
  CHECK_THAT(kind("GET / HTTP/1.1\r\n"), Contains("HTTP client"));
  CHECK_THAT(kind("CONNECT 10.0.0.1:16384 HTTP/1.1\r\n"), Contains("HTTP client"));
  CHECK_THAT(kind("220 mail.example.net ESMTP"), Contains("mail or file server"));
  CHECK(kind(std::string_view{"\x05\x01\x00", 3}) == "SOCKS: \"\\x05\\x01\\x00\"");
  CHECK_THAT(kind(std::string_view{"\x00\x5b\x00\x00", 4}), Contains("SOCKS4 proxy"));
  CHECK_THAT(kind("\x16\x05garbage"), Contains("not TLS"));
  CHECK_THAT(kind(std::string_view{"\0\0\0\0", 4}), Contains("not TLS"));
}

TEST_CASE("first bytes: the quote is short, on one line, and printable") {
  std::string long_line(1000, 'H');
  CHECK(kind("HTTP" + long_line).size() < 120);
  CHECK(kind("HTTP\x1b[31m\"\\") == "an HTTP server or proxy: \"HTTP\\x1b[31m\\x22\\x5c\"");
}

}  // namespace
}  // namespace farkeep
