use tegula_neural::rows::*;
fn check<T: tegula_neural::Scalar>(n: usize, k: usize, m: usize) {
    let mut a = Rows::<T>::zeros(n, k); let mut b = Rows::<T>::zeros(k, m); let mut c = Rows::<T>::zeros(n, m);
    for i in 0..n { for j in 0..k { a.row_mut(i)[j] = T::from_f64(((i * 7 + j * 3) % 5) as f64 - 2.0); } }
    for i in 0..k { for j in 0..m { b.row_mut(i)[j] = T::from_f64(((i * 5 + j * 11) % 7) as f64 - 3.0); } }
    product(c.view_mut(n), a.view(0, n), b.all(), 1.0);
    let mut bad = 0;
    for i in 0..n { for j in 0..m { let e: f64 = (0..k).map(|l| a.row(i)[l].to_f64() * b.row(l)[j].to_f64()).sum(); if (c.row(i)[j].to_f64() - e).abs() > 1e-3 { bad += 1; } } }
    println!("{n} {k} {m}: apart {} {} {} bad {bad}", a.apart(), b.apart(), c.apart());
}
fn main() {
    for (n, k, m) in [(150, 16, 16), (19, 16, 16), (18, 16, 16), (3, 16, 32), (256, 528, 32), (150, 64, 16), (100, 112, 48)] { check::<f64>(n, k, m); check::<f32>(n, k, m); }
}
