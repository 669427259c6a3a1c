export function BlocksView(_: { readonly from: number | null }) {
  return null;
}
