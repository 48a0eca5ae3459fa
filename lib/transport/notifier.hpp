#pragma once

#include <map>
#include <set>
#include <string>

#include "async/child.hpp"
#include "async/commands.hpp"
#include "async/scope.hpp"
#include "async/timers.hpp"
#include "async/waiters.hpp"
#include "config/notify_config.hpp"
#include "transport/outbox.hpp"
#include "transport/web.hpp"

namespace farkeep {

/// Carries notices to those whom [notify] names, and pings to their addresses, until each has heard them.
///
/// What is told lies in the outbox first, so nothing is lost when this ends.  Each who is told is so for itself, in order: one that does not answer is tried again
/// with growing pauses, and holds up nobody else; addresses on one host wait for each other, and what one of them refuses holds up that one alone.  A notice
/// that an address says it cannot take (HTTP 400, 413, 422) is tried three times.  Those who are named when a notice's turn comes are told it: whom nobody names any more hears
/// nothing, and who is named anew hears what still waits.  What was on its way when run() is cancelled is told again by the next one.
class Notifier {
 public:
  /// `machine`: this machine's name, for the texts.  All outlive it.
  Notifier(const NotifyConfig& config, std::string machine, Children& children, Web& web, Timers& timers, const Clock& clock, Outbox& outbox)
      : config_(config), machine_(std::move(machine)), children_(children), web_(web), timers_(timers), clock_(clock), outbox_(outbox) {}

  /// Durable on return, as far as the disk takes it.  Never blocks for those who are told.
  void tell(Notice notice);
  /// Others may be named now, or the way be open: all that wait are tried at once.
  void look();
  /// From now on it has this name.
  void call_machine(std::string name) { machine_ = std::move(name); }
  /// Until cancelled.  Again, after that, if need be.
  task<void> run();

 private:
  enum class Kind : char { ping = 'p', webhook = 'w', mail = 'm', command = 'c' };
  struct Hearer {
    Kind kind;
    std::string address;  // the URL, the command line, or all who get the mail
    std::string lane() const;
    std::string in_words(const std::string& job) const;
    HearerMark mark() const { return hearer_mark(static_cast<char>(kind), address); }
  };
  struct Turn {
    std::uint64_t number;
    Hearer hearer;
  };
  struct Rest {
    std::size_t tries = 0;
    SteadyTime until{};
  };
  struct Rests {
    Rest lane;
    std::map<HearerMark, Rest> refusing;
  };
  enum class Heard { yes, out_of_reach, refused, not_this };

  std::vector<Hearer> hearers(const Notice& notice) const;
  std::vector<Turn> turns() const;
  task<void> dispatch(Scope& lanes);
  task<void> serve(std::string lane);
  task<void> wait(SteadyTime until);
  task<Heard> deliver(const Turn& turn, std::string& problem);
  void note(const Turn& turn, Heard heard, const std::string& problem, Rests& rests);
  task<void> tell_one(const Hearer& hearer, Notice notice);
  task<void> mail(const Notice& notice);
  task<void> command(const Notice& notice, std::string line);
  task<void> run(ChildOrder order, Lines::Take tell);

  const NotifyConfig& config_;
  std::string machine_;
  Children& children_;
  Web& web_;
  Timers& timers_;
  const Clock& clock_;
  Outbox& outbox_;
  std::set<std::string> served_;  // lanes
  std::uint64_t looks_ = 0;
  Waiters news_;
};

}  // namespace farkeep
