#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.hpp"

namespace farkeep {

/// A pattern for one component of a path, compiled.
///
///   *      any bytes, none included         ?      one byte
///   [a-z]  one byte of the set; [!a-z] and [^a-z] one byte that is not in it; `]` first in the set stands for itself;
///          [:alpha:] and its eleven sisters of POSIX, in ASCII, inside a set
///   \x     x itself
///
/// Bytes, not characters: a name is not required to be UTF-8.  Case counts.  Matching takes at most the product of the
/// two lengths, whatever the pattern.
class Glob {
 public:
  /// Refused: a set that is not closed or is empty or backwards, a backslash at the end.
  static Value<Glob> parse(std::string_view pattern);

  bool matches(std::string_view name) const noexcept {
    switch (shape_) {
      case Shape::any:
        return true;
      case Shape::exact:
        return name == text_;
      case Shape::prefix:
        return name.starts_with(text_);
      case Shape::suffix:
        return name.ends_with(text_);
      case Shape::general:
        break;
    }
    return matches_general(name);
  }

  /// The text, if only that very text matches.
  const std::string* exact() const noexcept { return shape_ == Shape::exact ? &text_ : nullptr; }

  /// The byte that every name that matches begins (ends) with, if there is one: cheap to look at before matches().
  std::optional<std::uint8_t> first_byte() const noexcept { return first_; }
  std::optional<std::uint8_t> last_byte() const noexcept { return last_; }

  /// About what it takes in memory besides itself.
  std::size_t bytes() const noexcept { return text_.capacity() + tokens_.capacity() * sizeof(Token) + sets_.capacity() * sizeof(Set); }

 private:
  /// Most patterns that people write are one of the first four: no loop over tokens for them.
  enum class Shape : std::uint8_t { any, exact, prefix, suffix, general };
  struct Token {
    enum class Kind : std::uint8_t { byte, any_byte, star, set };
    Kind kind;
    std::uint8_t byte = 0;
    std::uint32_t set = 0;  // index into sets_
  };
  using Set = std::bitset<256>;

  static Value<Set> parse_set(std::string_view pattern, std::size_t& at);
  void choose_shape();
  bool matches_general(std::string_view name) const noexcept;
  bool matches_one(const Token& token, std::uint8_t byte) const noexcept;

  Shape shape_ = Shape::general;
  std::optional<std::uint8_t> first_, last_;
  std::string text_;  // exact, prefix, suffix
  std::vector<Token> tokens_;
  std::vector<Set> sets_;
};

}  // namespace farkeep
