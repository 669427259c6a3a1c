export function AccountView(_: { readonly address: string }) {
  return null;
}
