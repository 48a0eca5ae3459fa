#include "base/shown_path.hpp"

#include <catch2/catch.hpp>

#include "base/harmless.hpp"
#include "base/utf8.hpp"

using namespace farkeep;

TEST_CASE("shown path: it is shown as it is, or so that it can be found again") {
  for (const std::string plain : {"/srv/it's", "/srv/back\\slash", "/srv/back\\x27", "/srv/Grüße", "/"}) CHECK(shown_path(plain) == plain);
  CHECK(shown_path("/" + std::string(5000, 'a')) == "/" + std::string(5000, 'a'));
  CHECK_FALSE(path_shown_as("/srv/plain\\n\\xg0"));
  for (const std::string& odd : {std::string("/srv/\xff\xfe"), std::string("/new\nline"), std::string("/back\\x27 and \xff"), std::string("/\xe2\x80\xaegnp.exe"), std::string("/\xed\xa0\x80"), std::string("/half \xe2\x82")}) {
    CHECK(is_utf8(shown_path(odd)));
    CHECK(harmless_line(shown_path(odd)) == shown_path(odd));
    CHECK(path_shown_as(shown_path(odd)) == odd);
  }
}
