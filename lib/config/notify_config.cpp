#include "config/notify_config.hpp"

#include "config/settings.hpp"

namespace farkeep {

NotifyConfig read_notify(const Settings& notify) {
  NotifyConfig out;
  out.webhooks = notify.get_all("webhook", parse_url);
  out.mails = notify.get_all("mail", parse_mail);
  out.proxy = notify.get("proxy", parse_url);
  out.sendmail = notify.get("sendmail", parse_path);
  out.commands = notify.get_all("command", parse_command);
  return out;
}

}  // namespace farkeep
