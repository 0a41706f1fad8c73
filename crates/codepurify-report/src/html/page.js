const units = [...document.querySelectorAll("details.unit")];
const [search, verdict, shown] = ["search", "verdict", "shown"].map((id) => document.getElementById(id));
function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const unit of units) {
    const text = unit.textContent.toLowerCase();
    const fits = (!verdict.value || unit.dataset.verdict === verdict.value) && words.every((word) => text.includes(word));
    unit.hidden = !fits;
    count += fits;
  }
  shown.textContent = `${count} of ${units.length} shown`;
}
search.addEventListener("input", filter);
verdict.addEventListener("change", filter);
filter();
