/**
 * Layouts of the kernel's structures that this library reads and writes: size, and each field's offset, in bytes.
 * Encoders and decoders take their offsets from here; test/kernel compares the table with a compiled C program.
 */
export const layout = {
  nlmsghdr: { size: 16, nlmsg_len: 0, nlmsg_type: 4, nlmsg_flags: 6, nlmsg_seq: 8, nlmsg_pid: 12 },
  nlmsgerr: { size: 20, error: 0, msg: 4 },
  nlattr: { size: 4, nla_len: 0, nla_type: 2 },
  ifinfomsg: { size: 16, ifi_family: 0, ifi_type: 2, ifi_index: 4, ifi_flags: 8, ifi_change: 12 },
  ifaddrmsg: { size: 8, ifa_family: 0, ifa_prefixlen: 1, ifa_flags: 2, ifa_scope: 3, ifa_index: 4 },
  ndmsg: { size: 12, ndm_family: 0, ndm_ifindex: 4, ndm_state: 8, ndm_flags: 10, ndm_type: 11 },
  rtmsg: {
    size: 12,
    rtm_family: 0,
    rtm_dst_len: 1,
    rtm_src_len: 2,
    rtm_tos: 3,
    rtm_table: 4,
    rtm_protocol: 5,
    rtm_scope: 6,
    rtm_type: 7,
    rtm_flags: 8,
  },
  fib_rule_hdr: { size: 12, family: 0, src_len: 2, table: 4, action: 7 },
  tcmsg: { size: 20, tcm_family: 0, tcm_ifindex: 4, tcm_handle: 8, tcm_parent: 12, tcm_info: 16 },
  tc_tbf_qopt: { size: 36, 'rate.linklayer': 1, 'rate.rate': 8, limit: 24, buffer: 28 },
  tc_u32_sel: { size: 16, flags: 0, nkeys: 2 },
  tc_u32_key: { size: 16, mask: 0, val: 4 },
  tc_mirred: { size: 28, action: 8, eaction: 20, ifindex: 24 },
  rtnexthop: { size: 8, rtnh_len: 0, rtnh_flags: 2, rtnh_hops: 3, rtnh_ifindex: 4 },
  ucred: { size: 12, pid: 0, uid: 4, gid: 8 },
  sockaddr_in: { size: 16, sin_family: 0, sin_port: 2, sin_addr: 4 },
  sockaddr_in6: { size: 28, sin6_family: 0, sin6_port: 2, sin6_addr: 8, sin6_scope_id: 24 },
  tcp_md5sig: { size: 216, tcpm_addr: 0, tcpm_flags: 128, tcpm_prefixlen: 129, tcpm_keylen: 130, tcpm_key: 136 },
  sock_filter: { size: 8, code: 0, jt: 2, jf: 3, k: 4 },
  nfgenmsg: { size: 4, nfgen_family: 0, version: 1 },
  timeval: { size: 16, tv_sec: 0, tv_usec: 8 },
} as const;
