#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace farkeep {

/// The head of an HTTP/1.x answer (RFC 9112): status and fields.  Pure.
struct HttpHead {
  int status = 0;      ///< 100 to 599
  std::string reason;  ///< may be empty; printable ASCII, the rest as '?'
  struct Field {
    std::string name;  ///< in lower case
    std::string value;
  };
  std::vector<Field> fields;

  /// From the status line to the empty line; LF alone ends a line, too.  Errc::malformed.
  static result<HttpHead> parse(ByteView head);
  /// The values of a field, in order; `name` in lower case.
  std::vector<std::string> all(std::string_view name) const;
};

/// How many bytes an answer's head certainly still has: what may be read without touching what follows it.
class HeadEnd {
 public:
  /// 0: the head is over.
  std::size_t certain() const noexcept { return left_; }
  /// At most certain() bytes.
  void take(ByteView bytes) noexcept;

 private:
  std::size_t left_ = 2;  // "\n\n" is the shortest end
  bool line_ended_ = false;
};

}  // namespace farkeep
