#include "config/glob.hpp"

#include <algorithm>

#include "config/parsed.hpp"

namespace farkeep {
namespace {

bool in_class(std::string_view name, std::uint8_t c) {
  bool const lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
  bool const graph = c > 0x20 && c < 0x7f;
  if (name == "alnum") return lower || upper || digit;
  if (name == "alpha") return lower || upper;
  if (name == "blank") return c == ' ' || c == '\t';
  if (name == "cntrl") return c < 0x20 || c == 0x7f;
  if (name == "digit") return digit;
  if (name == "graph") return graph;
  if (name == "lower") return lower;
  if (name == "print") return graph || c == ' ';
  if (name == "punct") return graph && !(lower || upper || digit);
  if (name == "space") return c == ' ' || (c >= '\t' && c <= '\r');
  if (name == "upper") return upper;
  return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');  // xdigit
}

constexpr std::string_view kClasses[] = {"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                         "lower", "print", "punct", "space", "upper", "xdigit"};

ValueError unclosed(std::string_view pattern) {
  return refused(in_quotes(pattern) + ": a '[' is not closed; write \\[ for the bracket itself");
}

}  // namespace

Value<Glob> Glob::parse(std::string_view pattern) {
  Glob out;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    char c = pattern[at];
    if (c == '*') {
      // Stars in a row mean one: "**" is special only as a whole component, and that is not decided here.
      if (out.tokens_.empty() || out.tokens_.back().kind != Token::Kind::star)
        out.tokens_.push_back({Token::Kind::star});
      continue;
    }
    if (c == '?') {
      out.tokens_.push_back({Token::Kind::any_byte});
      continue;
    }
    if (c == '[') {
      auto set = parse_set(pattern, at);
      if (!set) return set.error();
      out.tokens_.push_back({Token::Kind::set, 0, static_cast<std::uint32_t>(out.sets_.size())});
      out.sets_.push_back(*set);
      continue;
    }
    if (c == '\\') {
      if (++at == pattern.size()) return refused(in_quotes(pattern) + " ends with a backslash that escapes nothing");
      c = pattern[at];
    }
    out.tokens_.push_back({Token::Kind::byte, static_cast<std::uint8_t>(c)});
  }
  out.choose_shape();
  return out;
}

// Enters with pattern[at] == '[', leaves at the ']' that closes it.
Value<Glob::Set> Glob::parse_set(std::string_view pattern, std::size_t& at) {
  Set set;
  ++at;
  bool const negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  constexpr int kNone = -1;
  int last = kNone;  // the byte before, if a range may start with it
  int low = kNone;   // the start of a range, once its '-' was seen
  for (bool first = true;; first = false, ++at) {
    if (at >= pattern.size()) return unclosed(pattern);
    char c = pattern[at];
    if (c == ']' && !first) break;
    if (low == kNone && pattern.substr(at).starts_with("[:")) {
      std::size_t const end = pattern.find(":]", at + 2);
      if (end == pattern.npos) return unclosed(pattern);
      std::string_view const name = pattern.substr(at + 2, end - at - 2);
      if (std::find(std::begin(kClasses), std::end(kClasses), name) == std::end(kClasses)) {
        return refused(in_quotes(pattern) + ": there is no class " + in_quotes(name));
      }
      for (unsigned b = 0; b < 256; ++b) {
        if (in_class(name, static_cast<std::uint8_t>(b))) set.set(b);
      }
      at = end + 1;
      last = kNone;
      continue;
    }
    if (c == '-' && last != kNone && low == kNone && at + 1 < pattern.size() && pattern[at + 1] != ']') {
      low = last;
      continue;
    }
    if (c == '\\') {
      if (++at >= pattern.size()) return unclosed(pattern);
      c = pattern[at];
    }
    int const byte = static_cast<std::uint8_t>(c);
    if (low > byte)
      return refused(in_quotes(pattern) + ": the range " + in_quotes(pattern.substr(at - 2, 3)) + " is backwards");
    for (int b = low == kNone ? byte : low; b <= byte; ++b) set.set(static_cast<std::size_t>(b));
    last = low == kNone ? byte : kNone;
    low = kNone;
  }
  if (negated) set.flip();
  return set;
}

void Glob::choose_shape() {
  auto const is_byte = [](const Token& t) { return t.kind == Token::Kind::byte; };
  auto const is_star = [](const Token& t) { return t.kind == Token::Kind::star; };
  if (!tokens_.empty() && is_byte(tokens_.front())) first_ = tokens_.front().byte;
  if (!tokens_.empty() && is_byte(tokens_.back())) last_ = tokens_.back().byte;
  auto const others = std::count_if(tokens_.begin(), tokens_.end(), [&](const Token& t) { return !is_byte(t); });
  if (others == 0) {
    shape_ = Shape::exact;
  } else if (others == 1 && is_star(tokens_.back())) {
    shape_ = tokens_.size() == 1 ? Shape::any : Shape::prefix;
  } else if (others == 1 && is_star(tokens_.front())) {
    shape_ = Shape::suffix;
  } else {
    return;
  }
  for (const Token& token : tokens_) {
    if (is_byte(token)) text_ += static_cast<char>(token.byte);
  }
  tokens_ = std::vector<Token>();  // = {} would keep their memory
}

// Only the last star met needs to be tried again: what an earlier one took can always be taken by it.
bool Glob::matches_general(std::string_view name) const noexcept {
  std::size_t token = 0, at = 0, star = tokens_.size(), star_at = 0;
  while (at < name.size()) {
    if (token < tokens_.size() && tokens_[token].kind == Token::Kind::star) {
      star = token++;
      star_at = at;
    } else if (token < tokens_.size() && matches_one(tokens_[token], static_cast<std::uint8_t>(name[at]))) {
      ++token;
      ++at;
    } else if (star < tokens_.size()) {
      token = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (token < tokens_.size() && tokens_[token].kind == Token::Kind::star) ++token;
  return token == tokens_.size();
}

bool Glob::matches_one(const Token& token, std::uint8_t byte) const noexcept {
  switch (token.kind) {
    case Token::Kind::byte:
      return token.byte == byte;
    case Token::Kind::any_byte:
      return true;
    case Token::Kind::set:
      return sets_[token.set][byte];
    case Token::Kind::star:
      break;
  }
  return false;
}

}  // namespace farkeep
