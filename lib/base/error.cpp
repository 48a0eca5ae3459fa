#include "base/error.hpp"

#include <cerrno>

namespace farkeep {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "farkeep"; }
  std::string message(int value) const override { return text(static_cast<Errc>(value)); }

 private:
  static const char* text(Errc e) {
    switch (e) {
      case Errc::malformed: return "malformed data";
      case Errc::unsupported_version: return "a version that this program does not know";
      case Errc::too_large: return "a length beyond the limit";
      case Errc::damaged: return "stored data is damaged";
      case Errc::id_mismatch: return "the content does not match its id";
      case Errc::missing_object: return "a referenced object is missing";
      case Errc::rollback: return "the server shows an older or another history than it acknowledged";
      case Errc::fork: return "two different snapshots carry one number";
      case Errc::identity: return "the other side is not who it must be";
      case Errc::unauthorised: return "not allowed";
      case Errc::bad_token: return "the token is wrong, used up or expired";
      case Errc::bad_secret: return "the passphrase or recovery key does not fit";
      case Errc::unreachable: return "no connection";
      case Errc::disconnected: return "the connection was lost";
      case Errc::timed_out: return "no answer in time";
      case Errc::protocol: return "the other side broke the protocol";
      case Errc::busy: return "busy, try again later";
      case Errc::quota: return "the quota is used up";
      case Errc::no_space: return "no space left on the disk";
      case Errc::io: return "the disk failed";
      case Errc::usage: return "wrong usage";
      case Errc::configuration: return "wrong configuration";
      case Errc::not_found: return "not found";
      case Errc::exists: return "exists already";
      case Errc::cancelled: return "cancelled";
      case Errc::incomplete: return "some files could not be read or changed while they were read";
      case Errc::proxy: return "the proxy is in the way";
      case Errc::proxy_login: return "the proxy refuses the login";
      case Errc::command: return "the command failed";
    }
    return "unknown error";
  }
};

// Nothing that is in it equals a condition of the system's, so nobody takes it for the network's.
class FarDisk final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "disk"; }
  std::string message(int value) const override { return boost::system::system_category().message(value); }
};

}  // namespace

const boost::system::error_category& far_disk_category() noexcept {
  static const FarDisk category;
  return category;
}

const boost::system::error_category& farkeep_category() noexcept {
  static const Category category;
  return category;
}

failure::failure(boost::system::error_code code, const std::string& doing) : system_error(code, doing), text_(doing) {
  const std::string what = code.message();
  const std::size_t tail = doing.size() > what.size() + 1 ? doing.size() - what.size() - 1 : 0;  // perhaps in quotes: what the other side said
  if (doing.find(what, tail) == doing.npos) text_ += ": " + what;
}

failure::failure(Whole, Errc code, std::string text) : system_error(make_error_code(code), text), text_(std::move(text)) {}
failure failure::whole(Errc code, std::string text) { return {Whole{}, code, std::move(text)}; }

Errc classify(const boost::system::error_code& code) noexcept {
  if (code.category() == farkeep_category()) return static_cast<Errc>(code.value());
  if (code.category() == far_disk_category()) return Errc::io;
  namespace bs = boost::system::errc;
  if (code == bs::no_space_on_device || code.value() == EDQUOT) return Errc::no_space;
  if (code == bs::operation_canceled) return Errc::cancelled;
  if (code == bs::timed_out) return Errc::timed_out;
  if (code == bs::connection_refused || code == bs::host_unreachable || code == bs::network_unreachable ||
      code == bs::address_not_available || code == bs::network_down)
    return Errc::unreachable;
  if (code == bs::connection_reset || code == bs::broken_pipe || code == bs::connection_aborted || code == bs::not_connected)
    return Errc::disconnected;
  if (code == bs::no_such_file_or_directory) return Errc::not_found;
  if (code == bs::file_exists) return Errc::exists;
  return Errc::io;
}

bool is_temporary(const boost::system::error_code& code) noexcept {
  switch (classify(code)) {
    case Errc::unreachable:
    case Errc::disconnected:
    case Errc::timed_out:
    case Errc::busy:
    case Errc::proxy:
    case Errc::no_space: return true;
    default: return false;
  }
}

void throw_errno(int error, const std::string& doing) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: throw failure(Errc::no_space, doing);
    case ENOENT: throw failure(Errc::not_found, doing);
    case EEXIST: throw failure(Errc::exists, doing);
    default: break;
  }
  const boost::system::error_code code(error, boost::system::system_category());
  if (classify(code) == Errc::io) throw failure(code, doing);
  throw failure(boost::system::error_code(error, far_disk_category()), doing);
}

Exit exit_code(const boost::system::error_code& code) noexcept {
  if (!code) return Exit::done;
  switch (classify(code)) {
    case Errc::usage:
    case Errc::configuration: return Exit::usage;
    case Errc::incomplete: return Exit::incomplete;
    case Errc::unreachable:
    case Errc::disconnected:
    case Errc::timed_out:
    case Errc::proxy: return Exit::unreachable;
    case Errc::identity:
    case Errc::unauthorised:
    case Errc::bad_token:
    case Errc::bad_secret:
    case Errc::proxy_login: return Exit::refused;
    case Errc::damaged:
    case Errc::id_mismatch:
    case Errc::missing_object:
    case Errc::rollback:
    case Errc::fork: return Exit::alarm;
    case Errc::busy: return Exit::busy;
    case Errc::quota: return Exit::quota;
    case Errc::cancelled: return Exit::interrupted;
    default: return Exit::failed;
  }
}

}  // namespace farkeep
