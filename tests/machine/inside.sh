# In the machine, as its only service: the command of run.sh, and then the machine is off.
stty -F /dev/ttyS1 -opost
exec > >(exec cat >/dev/ttyS1) 2>&1 </dev/null
udevadm settle
rc=0
bash -c "$(cat /share/command)" || rc=$?
echo $rc >/share/rc
sync -f /share
systemctl poweroff --force --force
