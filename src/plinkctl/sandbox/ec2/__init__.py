"""EC2 as far as a link needs it, where moto is kinder than AWS."""
