#include "wire/verb.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace farkeep::wire;

namespace {

constexpr Role kRoles[] = {Role::nobody, Role::agent, Role::server};
constexpr Stage kStages[] = {Stage::connected, Stage::greeted, Stage::opened};

// Written out a second time, from the page: n nobody, a agent, s server.
struct Right {
  const char* who;
  Stage from;
};
const std::map<int, Right> kPage = {
    {1, {"nas", Stage::connected}}, {2, {"nas", Stage::connected}}, {3, {"nas", Stage::connected}}, {4, {"", Stage::connected}},
    {10, {"n", Stage::greeted}},    {11, {"a", Stage::greeted}},    {12, {"as", Stage::greeted}},   {13, {"a", Stage::greeted}},    {20, {"as", Stage::greeted}},
    {21, {"as", Stage::opened}},    {22, {"as", Stage::opened}},    {23, {"as", Stage::opened}},    {24, {"as", Stage::opened}},
    {25, {"as", Stage::opened}},    {26, {"as", Stage::opened}},    {27, {"as", Stage::opened}},    {40, {"n", Stage::greeted}},
    {41, {"s", Stage::greeted}},    {42, {"s", Stage::greeted}}};

bool on_page(int verb, Role role) {
  auto const letter = role == Role::nobody ? 'n' : role == Role::agent ? 'a' : 's';
  return std::string{kPage.at(verb).who}.find(letter) != std::string::npos;
}

}  // namespace

TEST_CASE("verb: exactly the numbers of the page are known, each with a name of its own") {
  std::set<std::string_view> names;
  for (int number = 0; number < 256; ++number) {
    auto const verb = verb_of(static_cast<std::uint8_t>(number));
    CAPTURE(number);
    REQUIRE(verb.has_value() == (kPage.count(number) == 1));
    if (verb) CHECK(names.insert(name_of(*verb)).second);
  }
  CHECK(name_of(static_cast<Verb>(99)) == "unknown");
}

TEST_CASE("verb: the whole table of verb, role and stage") {
  for (auto const& [number, right] : kPage) {
    auto const verb = *verb_of(static_cast<std::uint8_t>(number));
    for (auto role : kRoles) {
      for (auto stage : kStages) {
        Verdict expected = Verdict::yes;
        if (number == 4) expected = Verdict::not_a_request;
        else if (number == 1 && stage != Stage::connected) expected = Verdict::second_hello;
        else if (!on_page(number, role)) expected = Verdict::wrong_role;
        else if (stage < right.from) expected = Verdict::too_early;
        CAPTURE(number, static_cast<int>(role), static_cast<int>(stage));
        CHECK(allowed(verb, role, stage) == expected);
      }
    }
  }
}

TEST_CASE("verb: a number outside of the table is never allowed") {
  for (int number = 0; number < 256; ++number) {
    if (kPage.count(number)) continue;
    for (auto role : kRoles)
      for (auto stage : kStages) CHECK(allowed(static_cast<Verb>(number), role, stage) == Verdict::not_a_request);
  }
}
